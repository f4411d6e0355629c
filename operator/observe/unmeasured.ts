/** Promises that this stack.yaml has nothing to measure with: of these no figure comes, however long one waits. */
import type { Api } from "../../generator/components/api/options.ts";
import type { Spec } from "../../generator/spec/load.ts";
import type { ObjectiveName } from "./objectives.ts";

export type Unmeasured = Partial<Record<ObjectiveName, string>>;

/** Components by the word of stack.yaml that leaves them out. */
export const WORDS = {
  blackbox: "monitoring.blackbox",
  postgres: "postgres",
  redis: "redis",
  backup: "backup",
  "node-exporter": "monitoring.host",
} as const;

/** nginx, which is in every stack, measures the others. What jobs and probes write down node_exporter hands on. */
const NEEDS: Partial<Record<ObjectiveName, readonly (keyof typeof WORDS)[]>> = {
  uptime: ["blackbox"],
  database: ["postgres", "node-exporter"],
  cache_hits: ["redis"],
  rpo: ["backup", "postgres", "node-exporter"],
  rto: ["backup", "postgres", "node-exporter"],
};

export function unmeasuredOf({ options, core }: Pick<Spec, "options" | "core">): Unmeasured {
  const { metrics_port } = options.get("api") as Api;
  const counts = metrics_port !== false || Object.values(core.processes).some((one) => one.metrics_port);
  return Object.fromEntries(
    Object.entries(NEEDS).flatMap(([name, needs]) => {
      const missing = needs.find((one) => !options.has(one));
      // An application with figures may count the reads of a cache of its own (objectives.rules.yaml).
      if (missing === undefined || (name === "cache_hits" && counts)) return [];
      return [[name, `not measured, as ${WORDS[missing]} is false`]];
    }),
  );
}
