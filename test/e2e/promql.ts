/** Every expression of the loaded rules and of the committed dashboards, asked of the running Prometheus. */
import { parser } from "@prometheus-io/lezer-promql";
import { listOwn, readOwn } from "../../generator/package.ts";
import { expressions } from "../../grafana/expressions.ts";
import type { Finished } from "../../grafana/library/finish.ts";
import { quietPanels } from "../../grafana/quiet.ts";
import type { DashboardStem } from "../../grafana/stems.ts";
import type { RunningStack } from "./engine.ts";

/** Metrics that a healthy stack of Debian images cannot have, each with the reason. */
const EXPLAINED: readonly [RegExp, string][] = [
  [/^elasticsearch_/, "Elasticsearch has no Debian package"],
  [/^probe_ssl_/, "local is plain HTTP"],
  [
    /^plimsoll_edge_server_release$/,
    "local is brought up and not deployed, and only a deploy names releases: dashboards show them as not named",
  ],
  [/^grafana_/, "Grafana has no Debian package"],
  [/^plimsoll_certificate/, "local is plain HTTP: certificates.test.ts looks at these on a production stack"],
  [/^plimsoll_backup_verify_/, "a backup is verified once a day: backup.test.ts does it now"],
  [/^plimsoll_recovery_/, "local has no bucket: recovery.test.ts looks at these where there is one"],
  [
    /^alertmanager_notifications_(failed_)?total$/,
    "counted by kind of receiver, and local has none: alerts.test.ts has four",
  ],
  [
    /^plimsoll:edge:(cause_told|trouble_told|trouble_coming)$/,
    "recorded while somebody is being told: test/faults/page.test.ts",
  ],
  [/^plimsoll_drill_(last|rto|rpo)_/, "a verification is the first drill: drill.test.ts holds some now"],
];

function isExplained(metric: string): boolean {
  return EXPLAINED.some(([pattern]) => pattern.test(metric));
}

/** Why a healthy stack of Debian images may find nothing by this expression, if there is a reason. */
export function explanation(expression: string): string | undefined {
  const metrics = metricsIn(expression);
  return EXPLAINED.find(([pattern]) => metrics.some((metric) => pattern.test(metric)))?.[1];
}

/** Names of metrics in an expression. */
export function metricsIn(expression: string): string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({
    enter(node) {
      if (node.name !== "VectorSelector") return;
      const name = node.node.getChild("Identifier");
      if (name) names.push(expression.slice(name.from, name.to));
    },
  });
  return names;
}

/** One line for each metric that a rule asks for and that does not exist, and each panel that stays empty. */
export async function evaluateAll(stack: RunningStack): Promise<string[]> {
  const existing = new Set(await ask<string[]>(stack, "/api/v1/label/__name__/values"));
  const { groups } = await ask<{ groups: { rules: { name: string; query: string }[] }[] }>(
    stack,
    "/api/v1/rules",
  );
  const missing = groups
    .flatMap(({ rules }) => rules)
    .flatMap(({ name, query }) =>
      metricsIn(query)
        .filter((metric) => !existing.has(metric) && !isExplained(metric))
        .map((metric) => `${metric} (rule ${name})`),
    );
  return [...new Set([...missing, ...(await emptyPanels(stack))])].sort();
}

async function emptyPanels(stack: RunningStack): Promise<string[]> {
  const empty: string[] = [];
  for (const path of listOwn("grafana/dashboards").filter((name) => name.endsWith(".json"))) {
    const dashboard = JSON.parse(readOwn(`grafana/dashboards/${path}`)) as Finished;
    const quiet: Readonly<Record<string, string>> =
      quietPanels[path.replace(".json", "") as DashboardStem] ?? {};
    const filled = new Map<string, boolean>();
    for (const { panel, expr } of expressions(dashboard)) {
      const { result } = await ask<{ result: { value: [number, string] }[] }>(
        stack,
        `/api/v1/query?query=${encodeURIComponent(expr)}`,
      );
      const expected = explanation(expr) === undefined;
      filled.set(
        panel,
        filled.get(panel) === true || result.some(({ value }) => value[1] !== "NaN") || !expected,
      );
    }
    for (const [panel, has] of filled)
      if (!has && !(panel in quiet)) empty.push(`${path}: ${panel} is empty`);
  }
  return empty;
}

/** @throws where Prometheus refuses the expression */
async function ask<Data>(stack: RunningStack, path: string): Promise<Data> {
  const answer = await stack.http(path, { service: "prometheus" });
  const { status, data, error } = answer.json<{ status: string; data: Data; error?: string }>();
  if (status !== "success") throw new Error(`${path}: ${error}`);
  return data;
}
