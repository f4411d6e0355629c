/** Prometheus and Alertmanager of a stack, asked in one round trip through its host. Neither needs a port or a tunnel. */
import { z } from "zod";
import { type Facts, parseFacts } from "../checks/facts.ts";
import { nothingThere } from "../operate/running.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { AlertmanagerStatus, GettableAlert, GettableSilence, tells } from "./alertmanager.ts";
import { observeScript } from "./script.ts";

/** An answer, or why there is none; `off` where the stack has no such service. */
export type Heard<What> = { what: What } | { why: string; off: boolean };

export type Monitoring = {
  /** Figures by the name they were asked under; one that is no number (nothing divided by nothing) is left out. */
  prometheus: Heard<ReadonlyMap<string, number>>;
  /** `paged`: whether anybody is told of a page; absent where its configuration is not understood. */
  alertmanager: Heard<{ alerts: GettableAlert[]; silences: GettableSilence[]; paged?: boolean }>;
};

export type Asked = Readonly<Record<string, string>>;

/** @param figures PromQL by name, each of one value. @throws Problem where nothing runs there */
export async function askMonitoring(site: Site, figures: Asked, signal?: AbortSignal): Promise<Monitoring> {
  const args = [site.project, encodeURIComponent(inOne(figures))];
  const outcome = await site.host.script(observeScript("monitoring"), args, { signal });
  const facts = parseFacts(requireDone(site, outcome, "asking the monitoring").stdout);
  if (!facts.number("containers")) throw await nothingThere(site);
  return monitoringOf(facts);
}

const NAME = "plimsoll_figure";

/** One query for all: each under a name of its own. */
export function inOne(figures: Asked): string {
  return Object.entries(figures)
    .map(([name, promql]) => `label_replace(${promql}, "${NAME}", "${name}", "", "")`)
    .join(" or ");
}

const QueryAnswer = z.object({
  data: z.object({
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
});

export function monitoringOf(facts: Facts): Monitoring {
  return {
    prometheus: heard(facts, "prometheus", QueryAnswer, ({ data }) => {
      const values = data.result.map(
        ({ metric, value }) => [metric[NAME] ?? "", Number(value[1])] as [string, number],
      );
      return new Map(values.filter(([, value]) => Number.isFinite(value)));
    }),
    alertmanager: alertmanagerOf(facts),
  };
}

function alertmanagerOf(facts: Facts): Monitoring["alertmanager"] {
  const alerts = heard(facts, "alerts", z.array(GettableAlert), (all) => all);
  if (!("what" in alerts)) return alerts;
  const silences = heard(facts, "silences", z.array(GettableSilence), (all) => all);
  if (!("what" in silences)) return silences;
  // Not understood, it takes nothing from what was: who is told is another matter.
  const status = heard(facts, "status", AlertmanagerStatus, (one) => one);
  const paged = "what" in status ? tells("page", status.what) : undefined;
  return { what: { alerts: alerts.what, silences: silences.what, ...(paged !== undefined && { paged }) } };
}

function heard<Answer, What>(
  facts: Facts,
  key: string,
  schema: z.ZodType<Answer>,
  read: (answer: Answer) => What,
): Heard<What> {
  const failed = facts.one(`${key}_failed`);
  if (failed !== undefined) return { why: failed, off: false };
  const text = facts.one(key);
  if (text === undefined) return { why: "it has no container", off: true };
  try {
    return { what: read(schema.parse(JSON.parse(text))) };
  } catch {
    return { why: `its answer is not understood: ${text.slice(0, 80)}`, off: false };
  }
}
