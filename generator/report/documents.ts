/** Files of the repository that are made from the code: what `npm run docs` writes, and a test proves current. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { components } from "../components/index.ts";
import { packageRoot } from "../package.ts";
import { type Plan, planStack } from "../plan/plan.ts";
import { loadSpec, readStack } from "../spec/load.ts";
import { reference } from "../spec/reference.ts";
import { jsonSchema, schemaText } from "../spec/schema.ts";
import { readStackFolder } from "../stack.ts";
import { budgetReport } from "./budget.ts";
import { hardeningPage } from "./hardening.ts";
import { budgetSvg } from "./hull.ts";
import { mermaid, withPicture } from "./mermaid.ts";

/** Content by path from the root. */
export async function documents(): Promise<Map<string, string>> {
  const { yaml } = await readStackFolder(join(packageRoot, "stacks", "fkod"));
  const plan = planStack(loadSpec(yaml, "production", components), components);
  const own = (path: string) => readFileSync(join(packageRoot, path), "utf8");
  const examples = { shortest: own("docs/examples/shortest.yaml"), whole: own("docs/examples/shop.yaml") };
  return new Map([
    ["docs/stack.schema.json", schemaText(components)],
    ["docs/stack.md", reference(jsonSchema(components), examples)],
    ["docs/hardening.md", hardeningPage(plan)],
    ["docs/pictures/budget-fkod-production.svg", budgetSvg(budgetReport(plan))],
    ["docs/pictures/budget-fkod-small.svg", budgetSvg(budgetReport(smallPlan(yaml.value)))],
    ...(existsSync(join(packageRoot, "README.md"))
      ? [["README.md", withPicture(own("README.md"), mermaid(plan))] as const]
      : []),
  ]);
}

/** The same stack on a quarter of the memory, without the Elastic stack. */
function smallPlan(words: unknown): Plan {
  const { environments: _, ...rest } = words as Record<string, unknown>;
  const text = stringify({ ...rest, machine: "s-2vcpu-4gb", logging: false });
  return planStack(loadSpec(readStack("stack.yaml", text), "production", components), components);
}
