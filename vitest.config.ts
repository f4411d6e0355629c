import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { secondTries } from "./test/second-try.ts";

/** Minutes each: begun last, one of them would be run by one worker while the others have nothing to do. */
const LONG = [
  "restore-in-place",
  "dr",
  "failback",
  "follow",
  "failover",
  "drill",
  "backup",
  "database",
  "repository",
  "deploy",
  "deploy-interrupted",
  "onhost",
  "certificates",
  "operate",
  "ssh",
  "host-init",
  "recovery",
  "files",
  "status",
  "standby-backup",
  "alerts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.indexOf(basename(moduleId, ".test.ts"));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

/**
 * They judge by time, load and errors, or compare containers by the ids of images that another suite may be building
 * under the same name: nothing else may run beside them.
 */
const ALONE = ["judge", "stack", "check"].map((name) => `test/e2e/${name}.test.ts`);

/**
 * Where nobody watches, on a machine whose cores others use too, a case that lost a race is tried again, and named at the
 * end (test/second-try.ts): one race of five hundred cases is no reason to run an hour again.
 */
const RETRY = process.env.CI ? 1 : 0;

export default defineConfig({
  test: {
    reporters: ["default", ...(process.env.GITHUB_ACTIONS ? ["github-actions"] : []), secondTries],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["{generator,operator,cli,grafana,prometheus,elk}/**/*.test.ts"],
          // Some run a script once for each place at which it can be cut short; the machine may be busy.
          testTimeout: 120_000,
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
          retry: RETRY,
          // They wait more than they compute.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: "e2e-alone",
          include: ALONE,
          testTimeout: 600_000,
          hookTimeout: 1_200_000,
          retry: RETRY,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          // The long series have every case that CI's suites leave out (test/e2e/long.ts).
          env: { PLIMSOLL_LONG: "1" },
          testTimeout: 3_600_000,
          hookTimeout: 1_200_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
