/** node_exporter: the machine's CPU, memory, load and disk, and the text files that jobs leave behind. */
import { z } from "zod";
import { MiB } from "../spec/words.ts";
import { type Contribution, defineComponent, mountVolume } from "./component.ts";
import { goImage, goMemoryLimit, wgetProbe } from "./exporters/image.ts";
import { TEXT_FILES } from "./exporters/text-files.ts";

export const Host = z
  .strictObject({})
  .prefault({})
  .describe(
    "node_exporter: the machine's CPU, memory, load and disk, and what backups and the database's probe tell",
  );
export type Host = z.output<typeof Host>;

const NAME = "node-exporter";
const PORT = 9100;
const UID = 65_534;
/** Jobs (backups) leave *.prom files here; being a volume, it also shows the disk that Docker's data is on. */
const TEXTFILES = "/metrics-textfile";

/** nobody, /bin/node_exporter, busybox. */
const image = goImage({
  name: NAME,
  official: "prom/node-exporter:v1.12.1",
  source: "prometheus/node_exporter, Dockerfile",
  package: "prometheus-node-exporter",
  binary: "/bin/node_exporter",
  debianBinary: "/usr/bin/prometheus-node-exporter",
  uid: UID,
  port: PORT,
});

/** Those that a container sees as the machine does. Network counters are not among them: they would be its own. */
const COLLECTORS = [
  "cpu",
  "diskstats",
  "filefd",
  "filesystem",
  "loadavg",
  "meminfo",
  "pressure",
  "stat",
  "textfile",
  "timex",
  "uname",
  "vmstat",
];

export const nodeExporter = defineComponent({
  name: NAME,
  at: ["monitoring", "host"],
  options: Host,
  optional: true,

  claim: () => [
    {
      service: NAME,
      memory: { floor: 32 * MiB, weight: 0 },
      cpu: { weight: 128 },
      pids: 64,
      disk: { [TEXT_FILES]: { floor: 64 * MiB, weight: 0 } },
    },
  ],

  contribute: (_options, grants): Contribution => ({
    services: {
      [NAME]: {
        image,
        user: `${UID}:${UID}`,
        /*
         * No folder of the machine is mounted, as is usual with `/:/host`: a container's own /proc already counts the
         * whole machine, and the volume's file system is the disk that images, volumes and logs fill.
         */
        command: [
          "--collector.disable-defaults",
          ...COLLECTORS.map((collector) => `--collector.${collector}`),
          `--collector.filesystem.mount-points-include=^${TEXTFILES}$`,
          `--collector.textfile.directory=${TEXTFILES}`,
          // An empty folder: udev's names of disks are the machine's, and their want would be an error in the log.
          "--path.udev.data=/dev/shm",
        ],
        environment: { GOMEMLIMIT: goMemoryLimit(grants.service(NAME).memory) },
        networks: ["monitoring"],
        volumes: [{ ...mountVolume(TEXT_FILES, TEXTFILES), read_only: true }],
        healthcheck: wgetProbe(PORT, "/"),
        stop_grace_period: "5s",
      },
    },
    volumes: ["metrics"],
    scrapes: [{ job: "node", targets: [{ service: NAME, port: PORT }] }],
    rules: ["host"],
    dashboards: ["host"],
    logs: { [NAME]: "logfmt" },
    backups: [{ what: "metrics", none: "Each job writes its file anew" }],
  }),
});
