import { Command, CommanderError } from "commander";
import { afterEach, expect, test, vi } from "vitest";
import { addHostOptions, type HostOptions, openHost, withHost } from "./host-option.ts";

function parsed(...args: string[]): HostOptions {
  const command = addHostOptions(new Command("ps"))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return command.parse(args, { from: "user" }).opts<HostOptions>();
}

const fingerprint = `SHA256:${"a".repeat(43)}`;
afterEach(() => vi.unstubAllEnvs());

test("what can be connected to is taken as it was written", () => {
  for (const host of ["local", "web", "deploy@203.0.113.7", "ssh://deploy@web:2222"]) {
    expect(parsed("--host", host)).toEqual({ host });
  }
  expect(parsed("--fingerprint", fingerprint)).toEqual({ fingerprint });
});

test.each([
  ["--host", "-oProxyCommand=id"],
  ["--host", "web; id"],
  ["--host", "web:22"],
  ["--host", ""],
  ["--fingerprint", "SHA256:short"],
  ["--fingerprint", "MD5:00:11"],
  ["--fingerprint", `${fingerprint}; id`],
])("%s %s is wrong usage", (...args) => expect(() => parsed(...args)).toThrow(CommanderError));

test("without a host it is this machine, and --host local overrides stack.yaml", async () => {
  expect((await openHost(undefined)).kind).toBe("local");
  expect((await openHost("local")).kind).toBe("local");
  expect((await openHost("deploy@web", { host: "local" })).kind).toBe("local");
  expect(await withHost(undefined, {}, async ({ name }) => name)).toBe("this machine");
});

test("stack.yaml's word is looked at as --host is", async () => {
  await expect(openHost("web; id")).rejects.toThrow('"web; id" is no host to connect to');
});
