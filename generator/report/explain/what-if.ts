/** What differs in a service where the stack is planned with another word, or another budget. */
import type { Component } from "../../components/component.ts";
import type { Budget } from "../../plan/budget.ts";
import { type Plan, planStack } from "../../plan/plan.ts";
import { loadSpec, type Spec } from "../../spec/load.ts";
import type { StackSource } from "../../stack.ts";
import { flatten } from "./flatten.ts";
import { otherValues } from "./others.ts";
import { type Word, withWord } from "./words.ts";

export type Subject = {
  source: StackSource;
  spec: Spec;
  plan: Plan;
  components: readonly Component[];
  service: string;
};

/** The same budget with more of one thing for everybody. */
export function otherBudgets(budget: Budget): [string, Budget][] {
  const lines = (change: (line: Budget["lines"][number]) => Partial<Budget["lines"][number]>): Budget => ({
    ...budget,
    lines: budget.lines.map((line) => ({ ...line, ...change(line) })),
  });
  const more = (bytes: number) => bytes + Math.ceil(bytes / 2 ** 23) * 2 ** 20;
  return [
    ["memory", lines(({ memory }) => ({ memory: more(memory) }))],
    ["processor", lines(({ cpus, cpuShares }) => ({ cpus: cpus + 1, cpuShares: cpuShares + 1 }))],
    ["processes", lines(({ pids }) => ({ pids: pids + 1 }))],
    [
      "disk",
      lines(({ disk }) => ({
        disk: Object.fromEntries(Object.entries(disk).map(([volume, bytes]) => [volume, more(bytes)])),
      })),
    ],
  ];
}

function linesOf({ image, compose }: Plan["services"][string]): Map<string, string> {
  return new Map([...flatten(compose), ["image", JSON.stringify(image)]]);
}

/** Keys of the service that are others in another plan; undefined where it is no part of that plan. */
export function differing({ plan, components, service }: Subject, spec: Spec, budget: Budget) {
  const other = planStack(spec, components, budget).services[service];
  if (other === undefined) return undefined;
  const [a, b] = [linesOf(plan.services[service] as Plan["services"][string]), linesOf(other)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}

export function followersOf(word: Word, subject: Subject): readonly string[] | "gone" {
  const { source, spec, plan, components, service } = subject;
  for (const value of otherValues(word)) {
    const other = attempt(() =>
      loadSpec(withWord(source.yaml, spec.environment, word.path, value), spec.environment, components),
    );
    if (other === undefined) continue;
    const keys = attempt(() => differing(subject, other, plan.budget));
    if (keys !== undefined && keys.length > 0) return keys;
    // More or fewer services need a budget of their own; all that can be told then is whether this one is left.
    if (
      keys === undefined &&
      attempt(() => planStack(other, components).services[service] ?? "gone") === "gone"
    ) {
      return "gone";
    }
  }
  return [];
}

/** A value that the stack does not take tells nothing. */
function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
