/** Which services a user means. Everything is judged before anything is done. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { nearest } from "../../generator/spec/nearest.ts";
import { Problem } from "../problem.ts";

/** The services of a plan, the spare among them. */
export function servicesOf(plan: Pick<PlanJson, "services" | "application">): string[] {
  const spare = plan.application?.spare.service;
  return [...Object.keys(plan.services), ...(spare ? [spare] : [])];
}

/** `api` is `api-1`, `api-2` and so on, where no service has that very name. */
function stemOf(service: string): string | undefined {
  return /^(.+)-\d+$/.exec(service)?.[1];
}

/** @throws Problem (2) for a name that is none, with the nearest that is */
export function resolveServices(
  plan: Pick<PlanJson, "services" | "application">,
  words: readonly string[],
): string[] {
  const known = servicesOf(plan);
  const stems = known.flatMap((service) => stemOf(service) ?? []);
  const found = words.flatMap((word) => {
    if (known.includes(word)) return [word];
    const members = known.filter((service) => stemOf(service) === word);
    if (members.length > 0) return members;
    throw unknown("service", word, [...known, ...stems]);
  });
  return [...new Set(found)];
}

/** One service; of several the first. */
export function resolveService(plan: Pick<PlanJson, "services" | "application">, word: string): string {
  return resolveServices(plan, [word])[0] as string;
}

export function unknown(what: string, word: string, known: readonly string[]): Problem {
  const near = nearest(word, known);
  return new Problem(
    `there is no ${what} ${JSON.stringify(word)}${near ? `; did you mean ${near}?` : ""}`,
    `There are: ${[...new Set(known)].join(", ")}`,
    2,
  );
}
