/** One line of a checklist: what it asks, who answers, and what came of it. */
import type { CheckContext } from "./context.ts";

/** `unavailable`: it cannot be found out here and now, or does not apply. `unconfirmed`: a person must say so. */
export const states = ["passed", "failed", "unavailable", "unconfirmed"] as const;
export type CheckState = (typeof states)[number];

/** `said`: one line, with the figure. `remedy`: what helps, with a command that can be copied. */
export type Verdict = { state: CheckState; said: string; remedy?: string };

export const lists = {
  preflight: "Preflight",
  before: "The day before",
  day: "The day",
  after: "After",
  targets: "Targets",
} as const;
export type ListName = keyof typeof lists;

/** Every group, in the order of the plan. */
export const groups: Record<string, { list: ListName; title: string }> = {
  code: { list: "preflight", title: "Code" },
  security: { list: "preflight", title: "Security" },
  performance: { list: "preflight", title: "Performance" },
  infrastructure: { list: "preflight", title: "Infrastructure" },
  host: { list: "preflight", title: "The host" },
  documentation: { list: "preflight", title: "Documentation" },
  before: { list: "before", title: "The day before" },
  day: { list: "day", title: "The day" },
  after: { list: "after", title: "After" },
  technical: { list: "targets", title: "Targets, technical" },
  business: { list: "targets", title: "Targets, business" },
};

export type Item = {
  /** Group and name: `code.tests`. */
  id: string;
  /** As the plan says it. */
  title: string;
  how: "automatic" | "person";
  /** Only a required one that failed makes the command fail. */
  required: boolean;
  /** How long a person's word holds: for the release it was given for, or so many days. */
  holds: "release" | number;
  /** Seconds. */
  timeout: number;
  run(context: CheckContext, signal: AbortSignal): Promise<Verdict> | Verdict;
};

type Given = Pick<Item, "id" | "title"> & Partial<Item>;

const defaults = { required: false, holds: "release", timeout: 60 } as const;

/** Something that is found out; required unless it says otherwise. */
export function automatic(item: Given & Pick<Item, "run">): Item {
  return { ...defaults, required: true, how: "automatic", ...item };
}

/** Something that only a person can say. `hint` is what to look at first. */
export function person({ hint, ...item }: Given & { hint: string }): Item {
  return { ...defaults, how: "person", run: () => ({ state: "unconfirmed", said: hint }), ...item };
}

export function groupOf(id: string): string {
  return id.split(".")[0] as string;
}

export const passed = (said: string): Verdict => ({ state: "passed", said });
export const failed = (said: string, remedy?: string): Verdict => ({ state: "failed", said, remedy });
export const unavailable = (said: string, remedy?: string): Verdict => ({
  state: "unavailable",
  said,
  remedy,
});
