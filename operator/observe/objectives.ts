/** The promises of stack.yaml: each with what is measured, the error budget that is left, and whether it is kept. */
import type { Objectives } from "../../generator/spec/core.ts";
import { span } from "../operate/ps-text.ts";
import type { Figures } from "./figures.ts";
import type { Heard } from "./monitoring.ts";
import type { Unmeasured } from "./unmeasured.ts";

export type ObjectiveName = keyof Objectives;
/** `at risk`: kept so far, and not for long if this goes on. */
export type Verdict = "kept" | "at risk" | "broken" | "unknown";

export type Objective = {
  objective: ObjectiveName;
  /** Whether less is better. */
  below: boolean;
  /** A share, or seconds. */
  unit: "ratio" | "seconds";
  target: number;
  measured?: number;
  /** Seconds that it was measured over; absent where it is a reading of this moment. */
  over?: number;
  /** Share of the window's error budget that is left; below 0 where more was used than there was. */
  left?: number;
  /** Of the last hour: 1 uses the budget up exactly within the window. */
  burn?: number;
  verdict: Verdict;
  /** Why it is not known, or what was measured. */
  note?: string;
  /** It will not be known: stack.yaml leaves out what measures it. */
  unmeasured?: true;
};

export type ObjectivesFound = {
  /** Seconds: 30 days, or what Prometheus keeps where that is less. */
  window?: number;
  /** Seconds of it that Prometheus has seen. */
  known?: number;
  objectives: Objective[];
  /** Why nothing is known. */
  unknown?: string;
};

/** A day of this is the sixth of a month's budget within the day: where the rules' slower page begins. */
const BURNS = 6;
const LITTLE = 0.1;
/** As in CacheHitsBelowObjective. */
const READS = 1;
const NAMES = ["uptime", "errors", "p95", "database", "cache_hits", "rpo", "rto"] as const;

/** @param unmeasured why there will be no figure of a promise, where that is so */
export function objectivesOf(
  promised: Objectives,
  prometheus: Heard<Figures>,
  unmeasured: Unmeasured,
): ObjectivesFound {
  if (!("what" in prometheus)) {
    const unknown = prometheus.off
      ? "stack.yaml has no monitoring: nothing is measured"
      : `Prometheus does not answer: ${prometheus.why}`;
    return { unknown, objectives: NAMES.map((name) => ({ ...shape(name, promised), verdict: "unknown" })) };
  }
  const figures = prometheus.what;
  const [window, known] = [figures.get("window"), figures.get("known")];
  return {
    ...(window !== undefined && { window }),
    ...(known !== undefined && { known }),
    objectives: NAMES.map((name) => {
      const found = { ...shape(name, promised), ...judged(name, promised[name], figures) };
      const note = unmeasured[name];
      return found.measured === undefined && note !== undefined
        ? { ...found, note, unmeasured: true }
        : found;
    }),
  };
}

function shape(objective: ObjectiveName, promised: Objectives) {
  const unit = ["uptime", "errors", "cache_hits"].includes(objective) ? "ratio" : "seconds";
  const below = objective !== "uptime" && objective !== "cache_hits";
  return { objective, below, unit, target: promised[objective] } as const;
}

type Judged = Omit<Objective, "objective" | "below" | "unit" | "target">;

function judged(name: ObjectiveName, target: number, figures: Figures): Judged {
  switch (name) {
    case "uptime":
      return budgeted("uptime", figures, figures.get("uptime"), "the probe has no figures yet");
    case "errors":
      return budgeted("errors", figures, figures.get("errors"), "no requests yet");
    case "p95":
      return latency(target, figures);
    case "database":
      return reading(figures.get("database"), (value) => value <= target, "its probe has no figures", 300);
    case "cache_hits":
      return cache(target, figures);
    case "rpo":
      return recoveryPoint(target, figures);
    case "rto":
      return recoveryTime(target, figures);
  }
}

function budgeted(name: string, figures: Figures, measured: number | undefined, none: string): Judged {
  const [left, burn] = [figures.get(`left_${name}`), figures.get(`burn_${name}`)];
  if (measured === undefined) return { verdict: "unknown", note: none };
  const verdict =
    left === undefined
      ? "unknown"
      : left < 0
        ? "broken"
        : left < LITTLE || (burn ?? 0) >= BURNS
          ? "at risk"
          : "kept";
  return {
    measured,
    over: figures.get("known"),
    ...(left !== undefined && { left }),
    ...(burn !== undefined && { burn }),
    verdict,
    ...(left === undefined && { note: "its budget is computed every two minutes" }),
  };
}

/** Measured is the percentile of now; the budget is of requests that took longer. */
function latency(target: number, figures: Figures): Judged {
  const now = figures.get("p95");
  const budget = budgeted("p95", figures, figures.get("fast"), "no requests yet");
  const { measured: fast, over: _, ...rest } = budget;
  if (fast === undefined) return budget;
  if (now === undefined) return { ...rest, note: "no requests in five minutes" };
  const slow = now > target && rest.verdict === "kept";
  return { ...rest, measured: now, over: 300, ...(slow && { verdict: "at risk" as const }) };
}

function reading(
  measured: number | undefined,
  fits: (value: number) => boolean,
  none: string,
  over?: number,
): Judged {
  if (measured === undefined) return { verdict: "unknown", note: none };
  return { measured, ...(over !== undefined && { over }), verdict: fits(measured) ? "kept" : "broken" };
}

function cache(target: number, figures: Figures): Judged {
  const found = reading(
    figures.get("cache_hits"),
    (value) => value >= target,
    "no reads in half an hour",
    1800,
  );
  const few = found.measured !== undefined && (figures.get("cache_reads") ?? 0) <= READS;
  return few && found.verdict === "broken"
    ? { ...found, verdict: "unknown", note: "less than one read a second says little" }
    : found;
}

function recoveryPoint(target: number, figures: Figures): Judged {
  const found = reading(figures.get("rpo"), (value) => value <= target, "no figures of the archive");
  if (found.measured === undefined) return found;
  const note = "the oldest finished log that is not archived";
  if (found.verdict === "kept" && found.measured > target / 2) return { ...found, verdict: "at risk", note };
  return { ...found, note };
}

function recoveryTime(target: number, figures: Figures): Judged {
  const drill = figures.get("rto_drill");
  const found = reading(drill ?? figures.get("rto_verify"), (value) => value <= target, "never tried yet");
  if (found.measured === undefined) return found;
  return { ...found, note: drill === undefined ? "the last verification of a backup" : "the last drill" };
}

/** `15 days`, and how much of it is known. */
export function windowText({ window, known }: Pick<ObjectivesFound, "window" | "known">): string | undefined {
  if (window === undefined) return undefined;
  const days = `${Number((window / 86_400).toFixed(1))} days`;
  if (known === undefined || known > 0.99 * window) return days;
  return `${days}, of which Prometheus has seen ${span(known)}`;
}
