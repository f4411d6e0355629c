/** `generate --check` over all stacks: what is committed is what the code writes. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { produce } from "./index.ts";
import { packageRoot } from "./package.ts";
import { environmentNames } from "./spec/core.ts";
import { findStacks, generatedFolder, readStackFolder } from "./stack.ts";
import { compare } from "./write/compare.ts";

const stacks = await findStacks(join(packageRoot, "stacks"));

it("has a stack to look at", () => expect(stacks.length).toBeGreaterThan(0));

it.each(
  stacks.flatMap((stack) =>
    environmentNames.map((name) => [stack.slice(packageRoot.length + 1), name] as const),
  ),
)("%s, %s is as generated (npm run generate refreshes it)", async (stack, environment) => {
  const folder = join(packageRoot, stack);
  const { files } = produce(await readStackFolder(folder), environment);
  const { changes } = await compare(generatedFolder(folder, environment), files);
  expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([]);
});
