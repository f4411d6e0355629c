/** Alertmanager's words, API v2, as far as they are read. */
import { z } from "zod";

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

/** As it is written in a rule: `layer=~"database|cache"`. */
export function matcherText({ name, value, isRegex, isEqual }: Matcher): string {
  return `${name}${isEqual ? (isRegex ? "=~" : "=") : isRegex ? "!~" : "!="}${JSON.stringify(value)}`;
}
