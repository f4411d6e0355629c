/** Faults of the first wave: none of them hides another, or brings on the alert of a later one. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { API, hasCpu, reads, shell, slotLeftBehind, slotLimit, takesNothing, writeLog } from "../acts.ts";
import { ARCHIVE, docker, idOf, inSidecar } from "../site.ts";
import type { Fault } from "./fire.ts";
import { connections, emptySessions, fillSessions, often, program, slow } from "./parts.ts";

export const FIRST: readonly Fault[] = [
  {
    // The next one writes more log than it may hold.
    what: "a slot that nobody reads, and more log than it may hold",
    alerts: ["PostgresSlotLost"],
    begin: slotLeftBehind,
  },
  {
    what: "the archive takes no segment, and much is written",
    alerts: ["ArchiveEndangersRpo", "ArchiveFillsDisk", "ArchiveRepositoryBehind"],
    async begin(site, undo) {
      await takesNothing(ARCHIVE)(site, undo);
      // Both limits follow the disk that the plan gave it.
      await writeLog(site, (await slotLimit(site)) + 128);
    },
  },
  {
    what: "a script asks for a checkpoint each twenty seconds",
    alerts: ["PostgresCheckpointsForced"],
    begin: often(20, "checkpoint"),
  },
  {
    what: "a job's text file that is none",
    alerts: ["HostTextfileBroken"],
    begin(site, undo) {
      undo(() => inSidecar(site, "rm -f /metrics/broken.prom"));
      return inSidecar(site, "echo 'this is no metric {' >/metrics/broken.prom");
    },
  },
  {
    what: "files that are many and small",
    alerts: ["HostInodesShort"],
    begin(site, undo) {
      undo(() => inSidecar(site, "rm -rf /metrics/many"));
      return inSidecar(
        site,
        "left=$(df --output=iavail /metrics | tail -1); mkdir /metrics/many; for ((n = 0; n < left - 200; n++)); do : >/metrics/many/$n; done",
      );
    },
  },
  {
    what: "Alertmanager is told to read a file that is none",
    alerts: ["AlertmanagerConfigReloadFailed"],
    begin: reads("alertmanager", "none: [\n"),
  },
  {
    what: "the receiver refuses what it is sent",
    alerts: ["AlertmanagerNotificationsFail"],
    begin: async () => undefined,
  },
  slow(
    API,
    0.01,
    "the servers have a hundredth of a core each",
    "EdgeSlow",
    "LatencyAboveObjective",
    "ServiceCpuThrottled",
  ),
  {
    what: "sessions fill their Redis",
    alerts: ["RedisSessionsMemory", "RedisSessionsFull"],
    begin(site, undo) {
      undo(() => emptySessions(site));
      return fillSessions(site, 97);
    },
  },
  {
    what: "2,100 connections to a Redis that takes 2,000",
    alerts: ["RedisConnectionsRejected"],
    // For a moment: while they are there, redis_exporter does not come in either.
    begin: connections("redis-cache", 6379, 2100, 15),
  },
  {
    what: "rules of one's own: one that fails, one that takes longer than its interval",
    alerts: ["PrometheusRulesFail", "PrometheusRulesLate"],
    async begin(site, undo) {
      const file = join(site.stack.folder, "prometheus/rules/own.rules.yaml");
      const rule = (name: string, interval: string, expr: string) =>
        `  - name: ${name}\n    interval: ${interval}\n    rules:\n      - record: own:${name}\n        expr: ${expr}\n`;
      const fails = `label_replace({__name__=~"up|scrape_duration_seconds"}, "job", "", "", "")`;
      // Of few cores, or it would take all that there are.
      await hasCpu("prometheus", 0.5)(site, undo);
      const late = `count(count_over_time({__name__=~"plimsoll.+|node.+|pg.+"}[10m:200ms]))`;
      const read = async () => docker(site, "kill", "--signal", "HUP", await idOf(site, "prometheus"));
      undo(async () => {
        await rm(file, { force: true });
        await read();
      });
      await writeFile(file, `groups:\n${rule("fails", "15s", fails)}${rule("late", "1s", late)}`);
      await read();
    },
  },
  {
    what: "a damaged block",
    alerts: ["PrometheusStorageFails"],
    begin(site, undo) {
      const block = "/prometheus/01ARZ3NDEKTSV4RRFFQ69G5FAV";
      undo(() => shell(site, "prometheus", `rm -rf ${block}`));
      return shell(site, "prometheus", `mkdir -p ${block}/chunks && echo damaged >${block}/meta.json`);
    },
  },
  {
    what: "a program of the machine's own is killed for want of memory",
    alerts: ["HostOutOfMemoryKill"],
    async begin(site) {
      const image = await docker(site, "inspect", "--format", "{{.Image}}", await idOf(site, "nginx"));
      const words = [
        "--rm",
        "--network",
        "none",
        "--memory",
        "24m",
        "--memory-swap",
        "24m",
        "--entrypoint",
        "sh",
      ];
      await docker(site, "run", ...words, image, "-c", "tail /dev/zero").catch(() => undefined);
    },
  },
  {
    what: "a service holds nearly all that it may",
    alerts: ["ServiceMemoryNearLimit"],
    begin: program(
      "clock-1",
      `const fs = require("node:fs");
         const read = (...files) => Number(fs.readFileSync(files.find((file) => fs.existsSync(file)), "utf8"));
         const root = "/sys/fs/cgroup/";
         const limit = read(root + "memory.max", root + "memory/memory.limit_in_bytes");
         const used = () => read(root + "memory.current", root + "memory/memory.usage_in_bytes");
         const held = [];
         setInterval(() => { if (used() < 0.95 * limit) held.push(Buffer.alloc(1e6, 1)); }, 100);`,
    ),
  },
];
