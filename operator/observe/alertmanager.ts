/** Alertmanager's words, API v2, as far as they are read. */
import { parse } from "yaml";
import { z } from "zod";
import type { Severity } from "../../generator/components/alertmanager/options.ts";

const Labels = z.record(z.string(), z.string());

export const GettableAlert = z.object({
  fingerprint: z.string(),
  labels: Labels,
  annotations: Labels,
  startsAt: z.string(),
  endsAt: z.string(),
  receivers: z.array(z.object({ name: z.string() })).default([]),
  status: z.object({
    state: z.enum(["unprocessed", "active", "suppressed"]),
    /** Ids of silences. */
    silencedBy: z.array(z.string()).default([]),
    /** Fingerprints of alerts. */
    inhibitedBy: z.array(z.string()).default([]),
  }),
});
export type GettableAlert = z.output<typeof GettableAlert>;

export const Matcher = z.object({
  name: z.string(),
  value: z.string(),
  isRegex: z.boolean(),
  isEqual: z.boolean().default(true),
});
export type Matcher = z.output<typeof Matcher>;

export const GettableSilence = z.object({
  id: z.string(),
  matchers: z.array(Matcher),
  startsAt: z.string(),
  endsAt: z.string(),
  createdBy: z.string(),
  comment: z.string(),
  status: z.object({ state: z.enum(["expired", "active", "pending"]) }),
});
export type GettableSilence = z.output<typeof GettableSilence>;

export const AlertmanagerStatus = z.object({
  /** YAML, in its own words: what it took in, with what is left unsaid filled in. Secrets stand in files. */
  config: z.object({ original: z.string() }),
});
export type AlertmanagerStatus = z.output<typeof AlertmanagerStatus>;

const Configuration = z.object({ receivers: z.array(z.looseObject({ name: z.string() })) });

/** Whether its receiver of this name tells anybody (alertmanager/config.ts); undefined where it says nothing of one. */
export function tells(name: Severity, { config }: AlertmanagerStatus): boolean | undefined {
  const receiver = configurationOf(config.original)?.receivers.find((one) => one.name === name);
  return (
    receiver &&
    Object.entries(receiver).some(
      ([key, value]) => key.endsWith("_configs") && Array.isArray(value) && value.length > 0,
    )
  );
}

function configurationOf(text: string): z.output<typeof Configuration> | undefined {
  try {
    return Configuration.safeParse(parse(text)).data;
  } catch {
    return undefined;
  }
}

/** As it is written in a rule: `layer=~"database|cache"`. */
export function matcherText({ name, value, isRegex, isEqual }: Matcher): string {
  return `${name}${isEqual ? (isRegex ? "=~" : "=") : isRegex ? "!~" : "!="}${JSON.stringify(value)}`;
}
