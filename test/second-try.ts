/** Names, at a run's end, the tests that passed only when they were tried again: each is a race to be mended. */
import type { Reporter, TestModule } from "vitest/node";

export const secondTries: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    for (const module of modules)
      for (const test of module.children.allTests()) {
        if (!test.diagnostic()?.flaky) continue;
        const why = (test.result().errors ?? []).map(({ message, stacks }) => {
          const { file, line } = stacks?.at(0) ?? {};
          return `\n  ${message.slice(0, 2000)}${file ? ` (${file}:${line})` : ""}`;
        });
        console.error(
          `passed at the second try only: ${module.relativeModuleId}: ${test.fullName}${why.join("")}`,
        );
      }
  },
};
