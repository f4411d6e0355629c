import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { fakeHost } from "../host/fake.ts";
import { localHost } from "../host/local.ts";
import { layFirstSecret } from "./first-secret.ts";

const folder = eachInItsFolder();
const site = () => ({
  host: localHost(),
  state: join(folder.path, "state"),
  secrets: join(folder.path, "secrets/production"),
  environment: "production" as const,
});

it("lays a value as it is, readable for its container behind a folder that keeps others out", async () => {
  await layFirstSecret(site(), "api_sentry_dsn", "a 'b' $(id)\nc");
  await layFirstSecret(site(), "api_sentry_dsn", "another");
  const { secrets } = site();
  expect(await readdir(secrets)).toEqual(["api_sentry_dsn"]);
  expect(await readFile(join(secrets, "api_sentry_dsn"), "utf8")).toBe("another");
  expect((await stat(join(secrets, "api_sentry_dsn"))).mode & 0o777).toBe(0o444);
  expect((await stat(secrets)).mode & 0o777).toBe(0o700);
});

it("lays nothing where there is a release, or a deploy is at work", async () => {
  const { state, secrets } = site();
  await mkdir(state);
  await writeFile(join(state, "current"), "v1\n");
  await expect(layFirstSecret(site(), "api_sentry_dsn", "x")).rejects.toThrow(/there is a release by now/);
  await writeFile(join(state, "work.lock"), "");
  const holder = execa("flock", ["--close", join(state, "work.lock"), "sleep", "20"], { reject: false });
  await expect
    .poll(() => layFirstSecret(site(), "api_sentry_dsn", "x").catch((error: Error) => error.message))
    .toMatch(/a deploy is at work/);
  holder.kill();
  expect(await readdir(secrets)).toEqual([]);
});

it("has its value on no command line", async () => {
  const host = fakeHost(() => ({}));
  await layFirstSecret({ ...site(), host }, "api_sentry_dsn", "top-secret");
  expect(host.commands.join("\n")).not.toContain("top-secret");
  expect(host.inputs.join("\n")).toContain("top-secret");
});
