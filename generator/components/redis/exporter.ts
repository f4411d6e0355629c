/** redis_exporter: one for both instances, each asked by name. */
import { MiB } from "../../spec/words.ts";
import type { Claim, Contribution, Grants, Secret, Service } from "../component.ts";
import { goImage, goMemoryLimit, wgetProbe } from "../exporters/image.ts";

const NAME = "redis-exporter";
const PORT = 9121;

/** uid 59000 and /redis_exporter. The plain tag is FROM scratch and has no wget to ask its health with. */
const image = goImage({
  name: NAME,
  official: "oliver006/redis_exporter:v1.88.0-alpine",
  source: "oliver006/redis_exporter, Dockerfile",
  package: "prometheus-redis-exporter",
  binary: "/redis_exporter",
  debianBinary: "/usr/bin/prometheus-redis-exporter",
  uid: 59_000,
  port: PORT,
});

export const exporterClaim: Claim = {
  service: NAME,
  memory: { floor: 32 * MiB, weight: 0 },
  cpu: { weight: 128 },
  pids: 64,
};

export function exporter(instances: readonly string[], grants: Grants): Contribution {
  const service: Service = {
    image,
    user: "59000:59000",
    entrypoint: [
      "/redis_exporter",
      // Empty: no instance of its own, only those it is asked for.
      "-redis.addr=",
      "-redis.user=monitoring",
      "-redis.password-file=/run/secrets/redis_exporter_passwords",
      "-connection-timeout=5s",
    ],
    environment: { GOMEMLIMIT: goMemoryLimit(grants.service(NAME).memory) },
    secrets: ["redis_exporter_passwords"],
    networks: ["data", "monitoring"],
    depends_on: Object.fromEntries(
      instances.map((name) => [name, { condition: "service_started" as const }]),
    ),
    healthcheck: wgetProbe(PORT, "/health"),
    stop_grace_period: "5s",
  };
  return {
    services: { [NAME]: service },
    secrets: [passwords(instances)],
    scrapes: [
      {
        job: "redis",
        path: "/scrape",
        targets: instances.map((instance) => ({
          service: NAME,
          port: PORT,
          labels: { instance, __param_target: `redis://${instance}:6379` },
        })),
      },
      { job: "redis-exporter", targets: [{ service: NAME, port: PORT }] },
    ],
    rules: ["redis"],
    dashboards: ["redis"],
    logs: { [NAME]: "logfmt" },
  };
}

/** The exporter looks a password up by the address with the user in it; random characters need no quoting in JSON. */
function passwords(instances: readonly string[]): Secret {
  const lines = instances.flatMap((instance, index) => [
    `${index === 0 ? "" : ",\n"}  "redis://monitoring@${instance}:6379": "`,
    { secret: "redis_monitoring_password" },
    '"',
  ]);
  return { name: "redis_exporter_passwords", text: ["{\n", ...lines, "\n}\n"] };
}
