import { defineConfig } from "vitest/config";

/** They judge by time and load, or stop the engine's own network: nothing else may run beside them. */
const ALONE = ["test/e2e/judge.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{generator,operator,cli,grafana,prometheus,elk}/**/*.test.ts"],
          testTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ALONE,
          testTimeout: 600_000,
          hookTimeout: 1_200_000,
          // They wait more than they compute.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e-alone",
          include: ALONE,
          testTimeout: 600_000,
          hookTimeout: 1_200_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          testTimeout: 3_600_000,
          hookTimeout: 1_200_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
