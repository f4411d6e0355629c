/** For tests: a plan from the text of a stack.yaml. */
import { components } from "../components/index.ts";
import { planStack } from "../plan/plan.ts";
import type { EnvironmentKind } from "../spec/core.ts";
import { loadSpec } from "../spec/load.ts";
import { sourceOf } from "./source.ts";

export function planned(stack: string, environment: EnvironmentKind = "production") {
  const spec = loadSpec(sourceOf(stack).yaml, environment, components);
  return { spec, plan: planStack(spec, components) };
}
