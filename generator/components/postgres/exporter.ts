/** postgres_exporter: one for both nodes, asked by Prometheus about each in turn (/probe). */
import { MiB } from "../../spec/words.ts";
import type { Claim, Contribution, Grants, Service } from "../component.ts";
import { goImage, goMemoryLimit, wgetProbe } from "../exporters/image.ts";

const NAME = "postgres-exporter";
const PORT = 9187;
const UID = 65534;
const CONFIG = "postgres_exporter_config";

const image = goImage({
  name: NAME,
  official: "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
  source: "prometheus-community/postgres_exporter, Dockerfile and README",
  package: "prometheus-postgres-exporter",
  binary: "/bin/postgres_exporter",
  debianBinary: "/usr/bin/prometheus-postgres-exporter",
  uid: UID,
  port: PORT,
});

export const exporterClaim: Claim = {
  service: NAME,
  memory: { floor: 40 * MiB, weight: 0.2, ceiling: 128 * MiB },
  cpu: { weight: 256 },
  pids: 64,
};

export function exporter(nodes: readonly string[], database: string, grants: Grants): Contribution {
  const service: Service = {
    image,
    user: `${UID}:${UID}`,
    command: [
      // The only way to hand it a password for several servers; the whole file is a secret.
      `--config.file=/run/secrets/${CONFIG}`,
      "--collector.stat_statements",
      "--collector.stat_statements.exclude_users=postgres,monitoring,replication,backup",
      "--collector.stat_statements.limit=50",
      "--collector.stat_wal_receiver",
      "--collector.stat_checkpointer",
      "--collector.postmaster",
      "--collector.database_wraparound",
      "--log.format=json",
    ],
    environment: { GOMEMLIMIT: goMemoryLimit(grants.service(NAME).memory), GOMAXPROCS: "1" },
    secrets: [CONFIG],
    networks: ["data", "monitoring"],
    healthcheck: wgetProbe(PORT, "/"),
    stop_grace_period: "5s",
  };
  return {
    services: { [NAME]: service },
    secrets: [
      {
        name: CONFIG,
        text: [
          "auth_modules:\n  node:\n    type: userpass\n    userpass:\n      username: monitoring\n      password: ",
          { secret: "postgres_monitoring_password" },
          "\n    options:\n      sslmode: disable\n",
        ],
      },
    ],
    scrapes: [
      {
        job: "postgres",
        path: "/probe",
        params: { auth_module: ["node"] },
        targets: nodes.map((node) => ({
          service: NAME,
          port: PORT,
          // The application's database, since figures about tables are those of the database that was asked.
          // __param_target becomes the query of the request; instance is what rules and dashboards say.
          labels: { __param_target: `${node}:5432/${database}`, instance: node },
        })),
      },
      { job: NAME, targets: [{ service: NAME, port: PORT }] },
    ],
    logs: { [NAME]: "logfmt" },
  };
}
