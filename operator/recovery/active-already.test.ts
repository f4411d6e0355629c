/** An activation on a host that was activated before, or on which somebody else is at work. */
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { fakeHost } from "../host/fake.ts";
import { remoteFolders, type Site } from "../site/site.ts";
import { type Activation, activate } from "./activate.ts";
import type { Bundle } from "./bundle.ts";

const bucket = vi.hoisted(() => ({ active: "" }));
vi.mock("./s3.ts", async (original) => ({
  ...(await original<object>()),
  listObjects: async () =>
    bucket.active === "" ? [] : [{ key: "shop/recovery/active.json", size: 1, modified: 1 }],
  getObject: async () => Buffer.from(bucket.active),
}));

const SINCE = "2026-11-28T16:15:00.000Z";
const folders = remoteFolders("shop-production", "production");
const recovery = { format: 1, bundle: "one.tar.age", release: "v1", id: "newsite0001", begun: SINCE };

const names = (id: string) =>
  JSON.stringify({ format: 1, id, host: "deploy@203.0.113.9", by: "bo", since: SINCE });

/** @param looks what the host says, look by look; the last one stays */
function again(looks: string[], files: Record<string, string> = {}, drill = false) {
  const end = JSON.stringify({ at: SINCE, step: "end", state: "done", text: "v2 follows" });
  const host = fakeHost(
    (line) => {
      if (line.includes("What a host says of itself"))
        return { stdout: (looks.length > 1 ? looks.shift() : looks[0]) as string };
      return { stdout: line.endsWith(" v2 0") ? end : "" };
    },
    {
      name: "deploy@203.0.113.7",
      files: { [`${folders.state}/recovery.json`]: JSON.stringify(recovery), ...files },
    },
  );
  const bundle = {
    name: recovery.bundle,
    meta: { release: "v1" },
    state: [{ path: "releases/v1/files/plan.json", content: Buffer.from("{}") }],
    generated: [],
    secrets: [],
  } as unknown as Bundle;
  return activate({
    site: { ...folders, host, environment: "production", project: "shop-production" } as unknown as Site,
    store: { endpoint: "s3.example.com", region: "r", bucket: "b", path: "/shop", style: "host" },
    ...{ bundle, catalog: undefined, keys: { key: "k", secret: "s" }, say: () => undefined },
    agree: async () => {
      throw new Error("it asks");
    },
    onEvent: () => undefined,
    ...(drill && { drill: { compose: "", seed: "" } }),
  } satisfies Activation);
}

const SERVES = "now 1\ncurrent v2\n";
/** Packed as look.bash packs it. */
const WORKS = `now 1
@work ${gzipSync("version v2\nby bo\nsince now\n").toString("base64")}
`;

beforeEach(() => {
  bucket.active = names(recovery.id);
});

describe("a host that was activated once", () => {
  it("is active already where it is still the one that writes", async () => {
    await expect(again([SERVES])).resolves.toMatchObject({ version: "v2", steps: [] });
    // Nobody was named, or the name was taken away: nobody took over.
    bucket.active = "";
    await expect(again([SERVES])).resolves.toMatchObject({ version: "v2" });
  });

  it("is not where another took over, which is named: DNS must not come to point at it", async () => {
    bucket.active = names("another0001");
    await expect(again([SERVES])).rejects.toThrow(
      /is no longer the site that writes: deploy@203\.0\.113\.9 took over/,
    );
    // A drill tells the bucket nothing, and asks it nothing.
    await expect(again([SERVES], {}, true)).resolves.toMatchObject({ version: "v2" });
  });

  it.each([
    ["closed", /is being left for deploy@203\.0\.113\.9/],
    ["gone", /was left for deploy@203\.0\.113\.9/],
  ])("is not where a move away from it is %s", async (phase, said) => {
    const note = `${phase}\ndeploy@203.0.113.9\nana\n1764345600000000\n`;
    await expect(again([SERVES], { [`${folders.state}/failback`]: note })).rejects.toThrow(said);
  });
});

describe("what is at work there", () => {
  it("is followed, and serves where it became current", async () => {
    await expect(again([WORKS, SERVES])).resolves.toMatchObject({ version: "v2" });
  });

  it("is not taken for the activation where nothing serves afterwards", async () => {
    await expect(again([WORKS, "now 1\n"])).rejects.toThrow(/v2 has ended on .*, and nothing serves there/);
  });
});
