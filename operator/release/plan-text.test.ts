import { expect, it } from "vitest";
import { produce } from "../../generator/index.ts";
import { planJson } from "../../generator/render/plan-json.ts";
import { shortest, sourceOf } from "../../generator/testing/source.ts";
import type { Site } from "../site/site.ts";
import type { Candidate, Difference } from "./candidate.ts";
import type { Look } from "./look.ts";
import { deployPlan, planText } from "./plan-text.ts";

function shown(environment: "staging" | "production", alertmanager: string): string {
  const source = sourceOf(`${shortest}monitoring: { alertmanager: ${alertmanager} }\n`);
  const plan = planJson(produce(source, environment).plan);
  const site = { environment, host: { name: "deploy@203.0.113.7" } } as Site;
  const difference = {
    changed: [],
    gone: [],
    restarts: [],
    compose: { services: [] },
  } as unknown as Difference;
  const look = { images: new Set() } as unknown as Look;
  const candidate = { plan, version: "v1", files: [] } as unknown as Candidate;
  return planText(deployPlan(site, look, candidate, difference, undefined, 0)).join("\n");
}

it("says before production's deploy that pages reach nobody", () => {
  expect(shown("production", "{}")).toMatch(/^ {2}alerts +pages reach nobody: name a receiver/m);
  expect(shown("production", "{ receivers: [{ name: desk, type: webhook, on: [warn] }] }")).toContain(
    "nobody",
  );
  expect(shown("production", "{ receivers: [{ name: ops, type: webhook }] }")).not.toContain("nobody");
  expect(shown("production", "false")).not.toContain("nobody");
  expect(shown("staging", "{}")).not.toContain("nobody");
});
