/** blackbox_exporter: asks from outside what a client would ask, and whether a port answers at all. */
import { z } from "zod";
import { MiB } from "../spec/words.ts";
import { blackboxConfig, edgeProbe } from "./blackbox/config.ts";
import { type Contribution, defineComponent, mountFolder } from "./component.ts";
import { goImage, goMemoryLimit, wgetProbe } from "./exporters/image.ts";

export const Blackbox = z
  .strictObject({})
  .prefault({})
  .describe("blackbox_exporter: asks the public address as a client would, and every port that clients use");
export type Blackbox = z.output<typeof Blackbox>;

const NAME = "blackbox-exporter";
const PORT = 9115;
const UID = 65_534;

/** /bin/blackbox_exporter, busybox. Its image names no user; nobody is its siblings'. */
const image = goImage({
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

  contribute: (_options, grants, context): Contribution => ({
    services: {
      [NAME]: {
        image,
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
        networks: ["monitoring", "data"],
        volumes: [mountFolder(NAME, "/etc/blackbox_exporter")],
        healthcheck: wgetProbe(PORT, "/-/healthy"),
        stop_grace_period: "5s",
      },
    },
    files: [
      {
        path: `${NAME}/blackbox.yaml`,
        content: { yaml: blackboxConfig(context), comment: "Taken in within 30 s of a change." },
      },
    ],
    scrapes: [{ job: "blackbox-exporter", targets: [{ service: NAME, port: PORT }] }],
    probes: context.present.has("nginx") ? [edgeProbe(context)] : [],
    rules: ["probes"],
    logs: { [NAME]: "logfmt" },
  }),
});
