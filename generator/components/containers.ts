/**
 * What each container uses and how it fares, for every service, without a privilege: read from the kernel's control
 * groups and from Docker's own files, by a sidecar that speaks to nobody.
 */
import { z } from "zod";
import { ContainersFolder, MiB } from "../spec/words.ts";
import { type Build, type Contribution, copy, defineComponent, template } from "./component.ts";
import { mountTextFiles, WRITES_TEXT_FILES } from "./exporters/text-files.ts";

export const Containers = z
  .strictObject({
    folder: ContainersFolder.describe(
      "Where the machine's Docker engine keeps what it knows of its containers",
    ),
  })
  .prefault({})
  .describe(
    "Memory, CPU, restarts and kills of every container, by a sidecar that reads the kernel's figures",
  );
export type Containers = z.output<typeof Containers>;

const NAME = "containers";

const build: Build = {
  name: NAME,
  files: [
    template("Dockerfile", "containers/Dockerfile.hbs", {}),
    ...["plimsoll-containers", "figures.awk", "known.jq"].map((file) =>
      copy(file, `templates/containers/${file}`),
    ),
  ],
};

/** Read-only, and shared with nobody: a folder of the machine's. */
function mountHost(source: string, target: string) {
  return {
    type: "bind",
    source,
    target,
    read_only: true,
    /*
     * Where the engine keeps its data elsewhere, or is one of another kind, this finds nothing and says so. That is no
     * reason for a stack not to start.
     */
    bind: { create_host_path: true },
  } as const;
}

export const containers = defineComponent({
  name: NAME,
  at: ["monitoring", NAME],
  options: Containers,
  optional: true,

  // node-exporter has the volume, and hands the figures on: without it nobody would read them.
  claim: (_options, { present }) =>
    present.has("node-exporter")
      ? [{ service: NAME, memory: { floor: 16 * MiB, weight: 0 }, cpu: { weight: 64 }, pids: 16 }]
      : [],

  contribute(options, _grants, context): Contribution {
    if (!context.present.has("node-exporter")) return {};
    return {
      services: {
        [NAME]: {
          image: { official: build, debian: build },
          user: "0:0",
          init: true,
          command: ["run"],
          networks: [],
          volumes: [
            mountHost("/sys/fs/cgroup", "/host/cgroup"),
            mountHost(options.folder, "/host/containers"),
            mountTextFiles(),
          ],
          tmpfs: ["/run/plimsoll:size=4m,mode=0700", "/tmp:size=4m,mode=0700"],
          healthcheck: {
            test: ["CMD", "plimsoll-containers", "healthy"],
            interval: "60s",
            start_interval: "1s",
          },
          stop_grace_period: "5s",
          exceptions: {
            user:
              "Docker's folder belongs to root and admits nobody else. Root here has no capability at all and no " +
              "network: it reads what it owns, writes one file on the volume metrics, and both folders of the machine " +
              "are mounted read-only.",
          },
        },
      },
      thresholds: context.services.map((instance) => ({
        record: "plimsoll:service:expected",
        value: 1,
        labels: { instance },
        because: "a service of the plan that is to run all the time",
      })),
      rules: [NAME],
      unscraped: { [NAME]: WRITES_TEXT_FILES },
      logs: { [NAME]: "supercronic" },
    };
  },
});
