import { afterEach, expect, it } from "vitest";
import { proven } from "./proven.ts";
import { contextOf, NOW, removeFolders } from "./test-context.ts";

afterEach(removeFolders);

const s = NOW / 1000;
const figures = (values: Record<string, number>) =>
  Object.entries(values)
    .map(([name, value]) => `backup ${name}{what="postgres"} ${value}`)
    .join("\n");
const said = async (values: Record<string, number> | undefined, words?: string) =>
  proven(await contextOf({ words, machine: `now ${s}`, running: values && figures(values) }));

it.each([
  ["good", { verify_last_success_timestamp_seconds: s - 25 * 3600 }, "passed", /25 h ago, 26 h allowed/],
  ["old", { verify_last_success_timestamp_seconds: s - 27 * 3600 }, "failed", /27 h ago, 26 h allowed/],
  ["never, on its first day", { oldest_timestamp_seconds: s - 3600 }, "unavailable", /due at 30 5 \* \* \*/],
  ["never", { oldest_timestamp_seconds: s - 27 * 3600 }, "failed", /none was ever verified in 27 h/],
  [
    "good once, and the last try failed",
    { verify_last_run_failed: 1, verify_last_success_timestamp_seconds: s - 60 },
    "failed",
    /not good/,
  ],
] as const)("%s", async (_, values, state, words) => {
  expect(await said(values)).toMatchObject({ state, said: expect.stringMatching(words) });
});

it("looks at each repository", async () => {
  const of = async (...lines: string[]) =>
    proven(await contextOf({ machine: `now ${s}`, running: lines.map((one) => `backup ${one}`).join("\n") }));
  const line = (name: string, repository: string, value: number) =>
    `verify_${name}{what="postgres",repository="${repository}"} ${value}`;
  const good = line("last_success_timestamp_seconds", "local", s - 3600);
  expect(await of(good, line("last_success_timestamp_seconds", "s3", s - 7200))).toMatchObject({
    state: "passed",
    said: expect.stringMatching(/2 h ago/),
  });
  expect(await of(good, line("last_success_timestamp_seconds", "s3", s - 27 * 3600))).toMatchObject({
    state: "failed",
  });
  expect(await of(good, line("last_run_failed", "local", 0), line("last_run_failed", "s3", 1))).toMatchObject(
    { state: "failed" },
  );
});

it("does not apply where there is no database, and nothing is known where nothing runs", async () => {
  expect(await said({}, "api: { build: ./api }\npostgres: false")).toMatchObject({ state: "unavailable" });
  expect(await said(undefined)).toMatchObject({ state: "unavailable" });
});

it("follows the schedule of stack.yaml", async () => {
  const weekly = "api: { build: ./api }\nbackup: { verify: 0 6 * * 0, lost_with_machine: accepted }";
  expect(await said({ verify_last_success_timestamp_seconds: s - 7 * 86_400 }, weekly)).toMatchObject({
    state: "passed",
  });
});

it("does not let one of two repositories hide the other's fault", async () => {
  const running = ["local", "s3"]
    .flatMap((name, failed) => [
      `backup verify_last_run_failed{what="postgres",repository="${name}"} ${failed}`,
      `backup verify_last_success_timestamp_seconds{what="postgres",repository="${name}"} ${s - 60}`,
    ])
    .join("\n");
  expect(await proven(await contextOf({ machine: `now ${s}`, running }))).toMatchObject({
    state: "failed",
    said: expect.stringMatching(/not good/),
  });
});
