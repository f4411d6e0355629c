/** Whom a stream's door lets in, before anything is sent to a host that it would not. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import type { Dr } from "../../generator/spec/core.ts";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { fakeHost } from "../host/fake.ts";
import type { Outcome } from "../host/host.ts";
import { remoteFolders, type Site } from "../site/site.ts";
import { keepWarm, type Warming } from "./keep-warm.ts";

const folder = eachInItsFolder();
afterEach(() => vi.unstubAllEnvs());

/** @returns the fault; of one that is let in that the host, which is none, does not say how it is */
async function follow(
  name: string,
  door: Partial<Dr> | undefined,
  mode: Warming["mode"] = "stream",
  seen: Partial<Outcome> = { exitCode: 1, stderr: "nobody there" },
) {
  const config = join(folder.path, "ssh_config");
  writeFileSync(config, "Host second\n  HostName 203.0.113.8\nHost third\n  HostName 203.0.113.99\n");
  vi.stubEnv("PLIMSOLL_SSH_CONFIG", config);
  const host = fakeHost(() => seen, { kind: "ssh", name });
  const fault = await keepWarm({
    site: { ...remoteFolders("shop-production", "production"), host, environment: "production" },
    bundle: {
      name: "one.tar.age",
      meta: { release: "v3" },
      secrets: [],
      generated: [{ path: "compose.yaml", content: Buffer.from(`PLIMSOLL_FOLLOW: ${mode}\n`) }],
    },
    plan: {
      settings: [],
      secrets: [],
      services: {},
      budget: { lines: [] },
      backups: [{ what: "postgres", cluster: { nodes: ["postgres-1"], dataDirectory: "/data" } }],
    },
    ...{ mode, port: 6432, door, firstHost: "deploy@203.0.113.7", anew: false, say: () => undefined },
  } as unknown as Warming & { site: Site; plan: PlanJson }).catch((error: Error) => error.message);
  return { fault, touched: host.commands.length > 0 };
}

const LET_IN = { fault: expect.stringMatching(/does not say how it is/), touched: true };

it.each([
  ["the host of stack.yaml", "deploy@203.0.113.8", { host: "deploy@203.0.113.8" }],
  ["it as another user", "root@203.0.113.8", { host: "deploy@203.0.113.8" }],
  ["it, which comes from another address", "deploy@second", { host: "second", address: "198.51.100.4" }],
  ["a name that leads to the address", "deploy@second", { host: "deploy@203.0.113.8" }],
  ["a host at dr.address", "203.0.113.8", { host: "other", address: "203.0.113.8" }],
])("lets in %s", async (_, name, door) => {
  expect(await follow(name, door)).toEqual(LET_IN);
});

it.each([
  ["another address", "deploy@203.0.113.99", { host: "deploy@203.0.113.8" }, "203.0.113.8"],
  ["another name", "third", { host: "second", address: "203.0.113.8" }, "203.0.113.8"],
  ["anybody where the release opens none", "deploy@203.0.113.8", undefined, "nobody"],
])("refuses %s, and touches nothing", async (_, name, door, open) => {
  const { fault, touched } = await follow(name, door);
  expect(fault).toContain(`the stream's door is open to ${open} (dr.address, or dr.host`);
  expect(fault).toContain(`${name} is 203.0.113.`);
  expect(touched).toBe(false);
});

it("asks nothing of one that follows the bucket", async () => {
  expect(await follow("deploy@203.0.113.99", { host: "deploy@203.0.113.8" }, "repository")).toEqual(LET_IN);
});

it("takes a newer bundle to one that follows already", async () => {
  const { fault } = await follow("deploy@203.0.113.8", undefined, "repository", {
    stdout: "now 1\nfollows\ndocker none\n",
  });
  expect(fault).toMatch(/is not ready; nothing was changed\n- it has no Docker/);
});
