/** Every expression of the loaded rules and of the committed dashboards, asked of the running Prometheus. */
import { parser } from "@prometheus-io/lezer-promql";
import { listOwn, readOwn } from "../../generator/package.ts";
import type { RunningStack } from "./engine.ts";

/** Metrics that a healthy stack of Debian images cannot have, each with the reason. */
const EXPLAINED: readonly [RegExp, string][] = [
  [/^elasticsearch_/, "Elasticsearch has no Debian package"],
  [/^grafana_/, "Grafana has no Debian package"],
];

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

/** One line for each metric that is asked for and does not exist. */
export async function evaluateAll(stack: RunningStack): Promise<string[]> {
  const { data } = (await stack.http("/api/v1/label/__name__/values", { service: "prometheus" })).json<{
    data: string[];
  }>();
  const existing = new Set(data);
  const missing = new Map<string, string>();
  for (const { where, expression } of [...(await ruleExpressions(stack)), ...panelExpressions()]) {
    const names = metricsIn(expression);
    if (names.length === 0 && !/^\s*(vector|scalar|time)?\(?/.test(expression))
      missing.set(expression, where);
    for (const name of names) {
      if (!existing.has(name) && !EXPLAINED.some(([pattern]) => pattern.test(name))) missing.set(name, where);
    }
  }
  return [...missing].map(([name, where]) => `${name} (${where})`).sort();
}

type Expression = { where: string; expression: string };

async function ruleExpressions(stack: RunningStack): Promise<Expression[]> {
  const { data } = (await stack.http("/api/v1/rules", { service: "prometheus" })).json<{
    data: { groups: { rules: { name: string; query: string }[] }[] };
  }>();
  return data.groups.flatMap(({ rules }) =>
    rules.map(({ name, query }) => ({ where: `rule ${name}`, expression: query })),
  );
}

function panelExpressions(): Expression[] {
  return listOwn("grafana/dashboards")
    .filter((path) => path.endsWith(".json"))
    .flatMap((path) => {
      const dashboard = JSON.parse(readOwn(`grafana/dashboards/${path}`)) as { panels: Panel[] };
      return dashboard.panels.flatMap((panel) => targetsOf(panel, path));
    });
}

type Panel = { title?: string; targets?: { expr?: string }[]; panels?: Panel[] };

function targetsOf(panel: Panel, path: string): Expression[] {
  const own = (panel.targets ?? []).flatMap(({ expr }) =>
    expr ? [{ where: `${path}: ${panel.title}`, expression: withoutMacros(expr) }] : [],
  );
  return [...own, ...(panel.panels ?? []).flatMap((inner) => targetsOf(inner, path))];
}

/** Grafana's own variables, as it would fill them in. */
function withoutMacros(expression: string): string {
  return expression.replace(/\$__(rate_interval|interval|range)/g, "5m").replace(/\$\{?\w+(:\w+)?\}?/g, ".*");
}
