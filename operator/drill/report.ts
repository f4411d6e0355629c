/** The report of a drill: what was measured, against what was promised. The sidecar writes the same form. */
import { z } from "zod";
import { drillKinds } from "../../generator/spec/drills.ts";

/** Seconds of the epoch. */
const Time = z.number();
/** Seconds. */
const Span = z.number().nonnegative();

export const DRILL_ID = /^\d{8}T\d{6}Z-(restore|failover|disaster)$/;

/** `measured` and `met` are null where it could not be measured: that is no pass. */
export const Measure = z.object({
  objective: Span,
  measured: Span.nullable(),
  met: z.boolean().nullable(),
});
export type Measure = z.output<typeof Measure>;

/** What a loss of the host would have lost when the drill began, before it touched anything. */
export const Risk = z.object({
  now: Time,
  /** The last segment in the repository, and the commit of the last transaction in it. */
  segment: z.string(),
  saved: Time.nullable(),
  /** Commits that were only on this host. */
  lost: z.object({
    commits: z.number(),
    bytes: z.number().nullable(),
    first: Time.nullable(),
    last: Time.nullable(),
  }),
  /** From the first commit that is only here until now; 0 without any: then nothing would be lost. */
  seconds: Span,
});
export type Risk = z.output<typeof Risk>;

/** One promotion of a failover drill. */
export const Leg = z.object({
  from: z.string(),
  to: z.string(),
  /** From the fence to the first write that was accepted, as `promote` has it. */
  promoted: Span,
  /** The longest time between two acknowledged writes. */
  silence: Span,
  writes: z.object({ acknowledged: z.number(), refused: z.number(), lost: z.number() }),
  requests: z.object({ asked: z.number(), failed: z.number(), silence: Span }).nullable(),
  /** How the old primary came to follow, and from the begin of the promotion until both streamed again. */
  rejoined: z.string(),
  whole: Span,
});
export type Leg = z.output<typeof Leg>;

export const DrillReport = z.object({
  version: z.literal(1),
  id: z.string().regex(DRILL_ID),
  kind: z.enum(drillKinds),
  /** In words: by what way it was held. */
  how: z.string(),
  stack: z.string(),
  environment: z.string(),
  by: z.string(),
  release: z.string().nullable(),
  began: Time,
  seconds: Span,
  /** passed: done, every check true, every objective measured and met. */
  outcome: z.enum(["passed", "failed"]),
  versions: z.record(z.string(), z.string()),
  backup: z
    .object({
      label: z.string(),
      kind: z.string(),
      /** Bytes that it restores to, and that it added to the repository. */
      size: z.number(),
      stored: z.number(),
      finished: Time,
      wal: z.object({ start: z.string().nullable(), stop: z.string().nullable() }),
    })
    .nullable(),
  risk: Risk.nullable(),
  /** Commit of the last transaction that the copy had. */
  reached: Time.nullable(),
  /** Bytes of all databases of the copy. */
  size: z.number().nullable(),
  /** `rto`: somebody who needs the database waits for it. */
  steps: z.array(z.object({ name: z.string(), seconds: Span, rto: z.boolean() })),
  rto: Measure,
  rpo: Measure,
  checks: z.array(z.object({ name: z.string(), passed: z.boolean(), said: z.string() })),
  /** Rows in the copy and in the running database when the drill began; null: not counted, or no such table. */
  tables: z.array(
    z.object({ name: z.string(), copy: z.number().nullable(), running: z.number().nullable() }),
  ),
  legs: z.array(Leg),
  /** What went wrong. */
  faults: z.array(z.string()),
  /** What a reader must know, and is nobody's fault. */
  notes: z.array(z.string()),
});
export type DrillReport = z.output<typeof DrillReport>;

export function measure(objective: number, measured: number | null): Measure {
  return { objective, measured, met: measured === null ? null : measured <= objective };
}

/** Everything that makes a drill fail, in words; empty where it passed. */
export function shortcomings({
  faults,
  checks,
  rto,
  rpo,
}: Pick<DrillReport, "faults" | "checks" | "rto" | "rpo">): string[] {
  const judged = (name: string, { met }: Measure) =>
    met === true ? [] : [met === null ? `${name} was not measured` : `${name} was missed`];
  return [
    ...faults,
    ...checks.filter(({ passed }) => !passed).map(({ name }) => `not true: ${name}`),
    ...judged("RTO", rto),
    ...judged("RPO", rpo),
  ];
}

/** What ten times the data would take: what goes with the data ten times as long, the rest as it was. A guess. */
export function tenfold({ kind, steps }: Pick<DrillReport, "kind" | "steps">): number | undefined {
  if (kind === "failover") return undefined;
  const counted = steps.filter(({ rto }) => rto);
  if (!counted.some(({ name }) => name === "restore")) return undefined;
  const grows = new Set(["restore", "recovery"]);
  return counted.reduce((sum, { name, seconds }) => sum + (grows.has(name) ? 10 : 1) * seconds, 0);
}

/** `20261128T160000Z-restore`. @param at milliseconds of the epoch */
export function drillId(kind: DrillReport["kind"], at: number): string {
  return `${new Date(at).toISOString().replace(/\.\d+/, "").replaceAll(/[-:]/g, "")}-${kind}`;
}
