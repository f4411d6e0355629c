/**
 * What a client waits for: each node is asked a statement, directly and not through the proxy, which accepts by itself
 * while a node is frozen. postgres_exporter's durations are no measure of that: its collectors wait for each other.
 */
import { MiB } from "../../spec/words.ts";
import { type Claim, type Contribution, copy, type Image, mountFolder } from "../component.ts";
import { mountTextFiles, WRITES_TEXT_FILES } from "../exporters/text-files.ts";
import { UID } from "./image.ts";

const NAME = "postgres-probe";
const FOLDER = "/etc/postgres-probe";
const SCRIPT = `${FOLDER}/probe.sh`;

/** A bash and a psql for each node. */
export const probeClaim: Claim = {
  service: NAME,
  memory: { floor: 16 * MiB, weight: 0 },
  cpu: { weight: 256 },
  pids: 32,
};

/** Of the nodes' image, which has psql and is there anyway; what it declares as a volume is covered. */
export function probe(nodes: readonly string[], image: Image, covers: readonly string[]): Contribution {
  return {
    services: {
      [NAME]: {
        image,
        user: `${UID}:${UID}`,
        init: true,
        entrypoint: ["/bin/bash", SCRIPT],
        command: ["run"],
        environment: { PLIMSOLL_NODES: nodes.join(" ") },
        secrets: ["postgres_monitoring_password"],
        volumes: [mountFolder(NAME, FOLDER), mountTextFiles()],
        tmpfs: [`/run/plimsoll:size=1m,mode=0700,uid=${UID},gid=${UID}`, "/tmp:size=1m,mode=1777", ...covers],
        networks: ["data"],
        healthcheck: { test: ["CMD", "/bin/bash", SCRIPT, "healthy"] },
        stop_grace_period: "5s",
      },
    },
    files: [
      copy(`${NAME}/probe.sh`, "templates/postgres/probe/probe.sh", { executable: true, restarts: [NAME] }),
    ],
    unscraped: { [NAME]: WRITES_TEXT_FILES },
    logs: { [NAME]: "supercronic" },
  };
}
