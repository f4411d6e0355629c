import { appendFile, mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { fakeHost } from "../host/fake.ts";
import { localHost } from "../host/local.ts";
import { appendAudit, audited, readAudit } from "./audit.ts";
import { whoami } from "./who.ts";

const folder = eachInItsFolder();
const place = () => ({ host: localHost(), state: join(folder.path, "state"), environment: "production" });

it("writes a line for what was done and for what failed", async () => {
  const entry = { command: "config set", what: "LOG_LEVEL set", release: (version: string) => version };
  expect(await audited(place(), entry, async () => "v4")).toBe("v4");
  await expect(
    audited(place(), { command: "deploy", what: 'it\'s a "try" $(id)\nline' }, async () => {
      throw new Error("no disk");
    }),
  ).rejects.toThrow("no disk");
  const entries = await readAudit(place(), 10);
  expect(entries).toMatchObject([
    { by: whoami(), command: "config set", what: "LOG_LEVEL set", release: "v4", outcome: "done" },
    { command: "deploy", what: 'it\'s a "try" $(id)\nline', outcome: "failed" },
  ]);
  expect(await readAudit(place(), 1)).toHaveLength(1);
  expect(((await stat(join(place().state, "audit.log"))).mode & 0o777).toString(8)).toBe("600");
});

it("keeps lines whole that are written at once, and after one that was cut short", async () => {
  await mkdir(place().state);
  await appendFile(join(place().state, "audit.log"), '{"at":"2026');
  const what = "x".repeat(3000);
  await Promise.all(
    Array.from({ length: 8 }, () => appendAudit(place(), { command: "lock", what, outcome: "done" })),
  );
  expect(await readAudit(place(), 100)).toHaveLength(8);
  expect((await readFile(join(place().state, "audit.log"), "utf8")).split("\n")).toHaveLength(10);
});

it("says that it was done where it could not be written down, and tells the first failure first", async () => {
  const host = fakeHost(() => ({ exitCode: 1, stderr: "No space left on device" }));
  const full = { host, state: "/s", environment: "production" };
  await expect(audited(full, { command: "scale", what: "api=5" }, async () => "v1")).rejects.toThrow(
    /^it was done \(api=5\), but not written down: .*No space left/,
  );
  await expect(
    audited(full, { command: "scale", what: "api=5" }, async () => Promise.reject(new Error("first"))),
  ).rejects.toThrow(/^first$/);
  // Over stdin: what is written down is in no process list.
  expect(host.commands.join("\n")).not.toContain("api=5");
  expect(host.inputs[0]).toContain("api=5");
});

it("reads nothing where there is nothing", async () => {
  expect(await readAudit(place(), 5)).toEqual([]);
});

it("names who it is, as one printable word", () => {
  expect(whoami({ PLIMSOLL_BY: "a b\u001b[31m\n;c" })).toBe("a-b-31m-c");
  expect(whoami({ GITHUB_ACTIONS: "true", GITHUB_ACTOR: "ana" })).toBe("ana@github");
  expect(whoami({})).toMatch(/^.+@.+$/);
});
