/**
 * Where each setting of a service came from. Not read off a record that every component would have to keep, but found
 * out: the stack is planned again with one word changed and the budget as it was; what differs follows from that word.
 */
import type { Claim, Setting } from "../../components/component.ts";
import type { Plan } from "../../plan/plan.ts";
import { CONFIG_LABEL } from "../../render/compose.ts";
import type { Spec } from "../../spec/load.ts";
import { jsonSchema } from "../../spec/schema.ts";
import { type BudgetRow, budgetReport } from "../budget.ts";
import { flatten } from "./flatten.ts";
import { isHouse } from "./house.ts";
import { differing, followersOf, otherBudgets, type Subject } from "./what-if.ts";
import { type Word, wordsOf } from "./words.ts";

export type Origin =
  /** A word of stack.yaml, written at a place (`stack.yaml:12`). */
  | { from: "stack"; word: string; at: string }
  | { from: "default"; word: string }
  | { from: "overrides"; at: string }
  /** Its grant: memory, processor, processes or disk. */
  | { from: "budget"; of: string }
  | { from: "house" }
  /** The hash of its files that need a restart. */
  | { from: "files" }
  /** Handed to the application because a component offers it (`DATABASE_URL`). */
  | { from: "offered"; name: string }
  | { from: "component"; component: string };

export type Explained = { key: string; value: string; origins: readonly Origin[] };

export type Explanation = {
  stack: string;
  environment: string;
  service: string;
  component: string;
  /** Words that decide whether it is there at all. */
  there: readonly Origin[];
  row: BudgetRow;
  claim?: Claim;
  /** Sum of all weights of memory: one part of what is left over is 1 of these. */
  weights: number;
  settings: readonly Setting[];
  keys: readonly Explained[];
};

/** @param compose the service as it stands in the Compose file, before and after overrides.yaml */
export function explain(
  subject: Subject,
  compose: { rendered: Record<string, unknown>; final: Record<string, unknown> },
): Explanation {
  const { spec, plan, components, service } = subject;
  const { component } = plan.services[service] as Plan["services"][string];
  const followers = new Map<string, Origin[]>();
  const there: Origin[] = [];
  const note = (keys: Iterable<string>, origin: Origin) => {
    for (const key of keys) followers.set(key, [...(followers.get(key) ?? []), origin]);
  };
  for (const [of, budget] of otherBudgets(plan.budget)) {
    note(differing(subject, spec, budget) ?? [], { from: "budget", of });
  }
  const owner = components.find(({ name }) => name === component);
  const parts = [...(owner ? [owner.at] : []), ["images"], ["machine"]];
  for (const word of wordsOf(subject.source.yaml, spec.environment, jsonSchema(components), parts)) {
    const keys = followersOf(word, subject);
    const origin = originOf(word, spec);
    if (keys === "gone") there.push(origin);
    else note(keys, origin);
  }
  const breadth = (origin: Origin) =>
    (origin.from === "default" ? 1000 : 0) +
    [...followers.values()].filter((list) => list.includes(origin)).length;
  const [before, after] = [flatten(compose.rendered), flatten(compose.final)];
  const keys = [...after].map(([key, value]): Explained => {
    if (before.get(key) !== value) return { key, value, origins: [overrideOf(subject, key)] };
    const found = followers.get(key.startsWith("build.") ? "image" : key);
    // A word that little follows from says more than one that much does.
    const near = found && [...found].sort((a, b) => breadth(a) - breadth(b));
    return { key, value, origins: near ?? [otherwise(key, value, plan, component)] };
  });
  const report = budgetReport(plan);
  const claims = claimsOf(subject);
  return {
    stack: plan.name,
    environment: plan.environment,
    service,
    component,
    there,
    row: [...report.groups.flatMap(({ rows }) => rows), ...report.reserves].find(
      (row) => row.service === service,
    ) as BudgetRow,
    claim: claims.find((claim) => claim.service === service),
    weights: claims.reduce((sum, claim) => sum + claim.memory.weight, 0),
    settings: plan.offers.settings.filter((setting) => setting.service === service),
    keys,
  };
}

/** Nothing a user can write or the budget decides. */
function otherwise(key: string, value: string, plan: Plan, component: string): Origin {
  if (key === `labels.${CONFIG_LABEL}`) return { from: "files" };
  const name = key.replace(/^environment\./, "").replace(/_FILE$/, "");
  if (key.startsWith("environment.") && Object.hasOwn(plan.offers.provides, name))
    return { from: "offered", name };
  return isHouse(key, value) ? { from: "house" } : { from: "component", component };
}

function claimsOf({ spec, plan, components }: Subject): Claim[] {
  const context = {
    spec: spec.core,
    environment: spec.environment,
    machine: spec.machine,
    images: spec.core.images,
    beside: spec.beside,
    present: new Set(plan.components),
  };
  return components
    .filter(({ name }) => context.present.has(name))
    .flatMap((component) => component.claim(spec.options.get(component.name), context));
}

function originOf({ path, written }: Word, spec: Spec): Origin {
  const word = path.join(".");
  const at = written ? spec.written(path) : undefined;
  return at === undefined ? { from: "default", word } : { from: "stack", word, at };
}

function overrideOf({ source, service }: Subject, key: string): Origin {
  const { overrides } = source;
  const { line } = overrides?.place(["services", service, ...key.split(".")]) ?? { line: 1 };
  return { from: "overrides", at: `${overrides?.file}:${line}` };
}
