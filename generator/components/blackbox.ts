/** blackbox_exporter: asks nginx within the stack, the public address as a client would, and every port. */
import { z } from "zod";
import { MiB } from "../spec/words.ts";
import { blackboxConfig } from "./blackbox/config.ts";
import {
  type Contribution,
  defineComponent,
  type Grants,
  isOutside,
  mountFolder,
  type Service,
} from "./component.ts";
import { goImage, goMemoryLimit, wgetProbe } from "./exporters/image.ts";

const ADDRESS = "expected true, false, or an address such as https://www.example.com:8443";

export const Blackbox = z
  .strictObject({
    public: z
      .union(
        [
          z.boolean(),
          z
            .string()
            .regex(/^https:\/\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/, { error: ADDRESS }),
        ],
        { error: ADDRESS },
      )
      .default(true)
      .describe(
        "Ask the public address too, as a client does: DNS, port, certificate. true: the domain and nginx.names, unless nginx.bind is this machine alone; false; or the address of a front end on another port or name, and then it alone. Never in local. With a certificates.server other than letsencrypt any certificate is taken",
      ),
  })
  .prefault({})
  .describe("blackbox_exporter: asks the public address as a client would, and every port that clients use");
export type Blackbox = z.output<typeof Blackbox>;

const NAME = "blackbox-exporter";
const PORT = 9115;
const UID = 65_534;

/** /bin/blackbox_exporter, busybox. Its image names no user; nobody is its siblings'. */
export const blackboxImage = goImage({
  name: NAME,
  official: "prom/blackbox-exporter:v0.28.0",
  source: "prometheus/blackbox_exporter, Dockerfile",
  package: "prometheus-blackbox-exporter",
  binary: "/bin/blackbox_exporter",
  debianBinary: "/usr/bin/prometheus-blackbox-exporter",
  uid: UID,
  port: PORT,
});

export const blackbox = defineComponent({
  name: "blackbox",
  at: ["monitoring", "blackbox"],
  options: Blackbox,
  optional: true,

  claim: () => [{ service: NAME, memory: { floor: 32 * MiB, weight: 0 }, cpu: { weight: 128 }, pids: 64 }],

  contribute: ({ public: outside }, grants, { environment }): Contribution => ({
    services: { [NAME]: service(grants, false) },
    asksOutside: environment !== "local" && (typeof outside === "string" ? `${outside}/health` : outside),
    scrapes: [{ job: "blackbox-exporter", targets: [{ service: NAME, port: PORT }] }],
    rules: ["probes"],
    logs: { [NAME]: "logfmt" },
  }),

  // What asks a public address needs a way to it; where nothing does, it has none.
  collect: (_options, grants, { probes, unknownAuthority }, context) => ({
    files: [
      {
        path: `${NAME}/blackbox.yaml`,
        content: {
          yaml: blackboxConfig(context, unknownAuthority),
          comment: "Taken in within 30 s of a change.",
        },
      },
    ],
    services: {
      [NAME]: service(grants, probes.some(isOutside)),
    },
  }),
});

function service(grants: Grants, outside: boolean): Service {
  return {
    image: blackboxImage,
    user: `${UID}:${UID}`,
    command: [
      "--config.file=/etc/blackbox_exporter/blackbox.yaml",
      "--config.enable-auto-reload",
      "--config.auto-reload-interval=30",
      // Each look at the file would be a line, and so would be each failed probe: that is an alert's business.
      "--log.level=warn",
      "--log.prober=warn",
      "--history.limit=20",
    ],
    environment: { GOMEMLIMIT: goMemoryLimit(grants.service(NAME).memory) },
    networks: ["monitoring", "data", ...(outside ? (["egress"] as const) : [])],
    // Said outright, it keeps Docker from asking the world's name servers for a service that is away.
    dns_opt: ["ndots:1"],
    volumes: [mountFolder(NAME, "/etc/blackbox_exporter")],
    healthcheck: wgetProbe(PORT, "/-/healthy"),
    stop_grace_period: "5s",
  };
}
