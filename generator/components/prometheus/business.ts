/** `business` of stack.yaml as recording rules: what each figure is, what it is to reach, and over how long. */
import type { BusinessTarget } from "../../spec/business.ts";
import type { Threshold } from "../component.ts";
import { promDuration } from "./config.ts";

export function businessRecords(business: Readonly<Record<string, BusinessTarget>>): Threshold[] {
  return Object.entries(business).flatMap(([name, target]): Threshold[] => {
    const labels = { target: name, title: target.title ?? name };
    const because = `business.${name}`;
    return [
      { record: "plimsoll:business:value", expr: expressionOf(target), labels, because },
      { record: "plimsoll:business:at_least", value: target.at_least, labels, because },
      { record: "plimsoll:business:per_seconds", value: target.per, labels, because },
    ];
  });
}

function expressionOf({ counter, average, nps, per }: BusinessTarget): string {
  const increase = (metric: string, matchers = "") =>
    `sum(increase(${metric}${matchers}[${promDuration(per)}]))`;
  if (counter !== undefined) return increase(counter);
  if (average !== undefined) return `${increase(`${average}_sum`)} / (${increase(`${average}_count`)} > 0)`;
  const of = (kind: string) => increase(nps as string, `{kind="${kind}"}`);
  return `100 * (${of("promoter")} - ${of("detractor")}) / (${increase(nps as string)} > 0)`;
}
