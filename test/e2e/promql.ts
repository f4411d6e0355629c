/** Every expression of the loaded rules and of the committed dashboards, asked of the running Prometheus. */
import { parser } from "@prometheus-io/lezer-promql";
import { listOwn, readOwn } from "../../generator/package.ts";
import { expressions } from "../../grafana/expressions.ts";
import type { Finished } from "../../grafana/library/finish.ts";
import { quietPanels } from "../../grafana/quiet.ts";
import type { DashboardStem } from "../../grafana/stems.ts";
import type { RunningStack } from "./engine.ts";
import { askPrometheus, query } from "./prometheus.ts";

/** Metrics that a healthy stack of Debian images cannot have, each with the reason. */
const EXPLAINED: readonly [RegExp, string][] = [
  [
    /^elasticsearch_/,
    "Elasticsearch has no Debian package: elk.test.ts has the names, elastic.test.ts asks a real one",
  ],
  [
    /^plimsoll_logs_/,
    "Logstash and Filebeat have no Debian package: keeper.test.ts has answers as their references have them",
  ],
  [/^probe_ssl_/, "local is plain HTTP"],
  [
    /^plimsoll_edge_server_release$/,
    "local is brought up and not deployed, and only a deploy names releases: dashboards show them as not named",
  ],
  [/^grafana_/, "Grafana has no Debian package"],
  [
    /^plimsoll[:_]certificate/,
    "local is plain HTTP: certificates.test.ts looks at these on a production stack",
  ],
  [/^plimsoll_backup_verify_/, "a backup is verified once a day: backup.test.ts does it now"],
  [/^plimsoll_recovery_/, "local has no bucket: recovery.test.ts looks at these where there is one"],
  [
    /^alertmanager_notifications_(failed_)?total$/,
    "counted by kind of receiver, and local has none: alerts.test.ts has four",
  ],
  [
    /^plimsoll:edge:(cause_told|trouble_told|slowness_told)$/,
    "recorded while somebody is being told: test/faults/page.test.ts",
  ],
  [/^plimsoll_drill_(last|rto|rpo)_/, "a verification is the first drill: drill.test.ts holds some now"],
];

function isExplained(metric: string): boolean {
  return EXPLAINED.some(([pattern]) => pattern.test(metric));
}

/** Why a healthy stack of Debian images may find nothing by this expression, if there is a reason. */
export function explanation(expression: string): string | undefined {
  const metrics = metricsIn(expression).filter((metric) => typeof metric === "string");
  return EXPLAINED.find(([pattern]) => metrics.some((metric) => pattern.test(metric)))?.[1];
}

/** Names of metrics in an expression, and patterns of them: of `a|b` each, as both must be there. */
function metricsIn(expression: string): (string | RegExp)[] {
  const names: (string | RegExp)[] = [];
  const textOf = ({ from, to }: { from: number; to: number }) => expression.slice(from, to);
  parser.parse(expression).iterate({
    enter({ node }) {
      if (node.name === "Identifier" && node.parent?.name === "VectorSelector") names.push(textOf(node));
      if (node.name !== "UnquotedLabelMatcher") return;
      const [label, value] = [node.getChild("LabelName"), node.getChild("StringLiteral")];
      if (!label || !value || textOf(label) !== "__name__") return;
      for (const part of (JSON.parse(textOf(value)) as string).split("|"))
        names.push(/^\w+$/.test(part) ? part : new RegExp(`^(?:${part})$`));
    },
  });
  return names;
}

function exists(metric: string | RegExp, existing: ReadonlySet<string>): boolean {
  return typeof metric === "string"
    ? existing.has(metric) || isExplained(metric)
    : [...existing].some((name) => metric.test(name));
}

/** One line for each metric that a rule asks for and that does not exist, and each panel that stays empty. */
export async function evaluateAll(stack: RunningStack): Promise<string[]> {
  const existing = new Set(await askPrometheus<string[]>(stack, "/api/v1/label/__name__/values"));
  const { groups } = await askPrometheus<{ groups: { rules: { name: string; query: string }[] }[] }>(
    stack,
    "/api/v1/rules",
  );
  const missing = groups
    .flatMap(({ rules }) => rules)
    .flatMap(({ name, query: asked }) =>
      metricsIn(asked)
        .filter((metric) => !exists(metric, existing))
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
      const found = await query(stack, expr);
      const expected = explanation(expr) === undefined;
      filled.set(
        panel,
        filled.get(panel) === true || found.some(({ value }) => !Number.isNaN(value)) || !expected,
      );
    }
    for (const [panel, has] of filled)
      if (!has && !(panel in quiet)) empty.push(`${path}: ${panel} is empty`);
  }
  return empty;
}
