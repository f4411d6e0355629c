import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { Encrypter } from "age-encryption";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SentFile } from "../host/host.ts";
import { tarStream } from "../host/tar.ts";
import { type Bundle, openBundle } from "./bundle.ts";
import { makeKey, type RecoveryKey, readKey, writeKey } from "./key.ts";
import { bundleTime } from "./name.ts";
import { writeSource } from "./source.ts";

const root = mkdtempSync(join(tmpdir(), "plimsoll-recovery-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const META = {
  format: 1,
  stack: "shop",
  environment: "production",
  project: "shop-production",
  release: "v3",
  created: "2026-11-28T16:15:00Z",
  host: "droplet",
};
const FILES: SentFile[] = [
  { path: "plimsoll.json", content: JSON.stringify(META) },
  { path: "generated/", mode: 0o755 },
  ...["compose.yaml", "plan.json", "manifest.json"].map((name) => ({
    path: `generated/${name}`,
    content: "{}\n",
  })),
  { path: "secrets/", mode: 0o700 },
  { path: "secrets/postgres_password", mode: 0o440, content: "opensesame" },
  { path: "state/current", content: "v3\n" },
  { path: "state/onhost", content: { link: "engines/abc" } },
  { path: "state/releases/v3/files/compose.yaml", content: "{}\n" },
  { path: "state/releases/v3/settings.env", content: "VERSION=v3\n" },
];
const NAME = "20261128T161500Z.tar.age";

describe("a recovery key", () => {
  it("is written for its owner alone, read again, and never overwritten", async () => {
    const key = await makeKey();
    const path = join(root, "key.txt");
    await writeKey(path, key);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, "utf8");
    expect(await readKey(text, path)).toEqual(key);
    await expect(writeKey(path, await makeKey())).rejects.toMatchObject({ exitCode: 2 });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it.each([
    ["", /holds no key/],
    ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", /holds a recipient/],
    [`AGE-SECRET-KEY-1${"Q".repeat(58)}`, /checksum is wrong/],
  ])("is not %j", async (text, message) => {
    await expect(readKey(text, "key.txt")).rejects.toThrow(message);
  });
});

describe("a bundle", () => {
  let key: RecoveryKey;
  const sealed = async (files: readonly SentFile[], ...recipients: string[]) => {
    const encrypter = new Encrypter();
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    return encrypter.encrypt(await buffer(tarStream(files)));
  };
  const open = (bytes: Uint8Array, identity = key.identity) =>
    openBundle({ name: NAME, bytes }, identity, { stack: "shop", environment: "production" });
  beforeAll(async () => {
    key = await makeKey();
  });

  it("opens with any one of its keys, with modes and links", async () => {
    const other = await makeKey();
    const bytes = await sealed(FILES, key.recipient, other.recipient);
    expect(Buffer.from(bytes).includes("opensesame")).toBe(false);
    for (const { identity } of [key, other]) {
      const { meta, generated, secrets, state } = await open(bytes, identity);
      expect(meta).toEqual(META);
      expect(generated.map(({ path }) => path)).toEqual(["compose.yaml", "plan.json", "manifest.json"]);
      expect(secrets).toEqual([
        { path: "postgres_password", mode: 0o440, content: Buffer.from("opensesame") },
      ]);
      expect(state).toContainEqual({ path: "onhost", content: { link: "engines/abc" } });
    }
  });

  it("does not open with another key, cut short, or with a byte changed", async () => {
    const bytes = await sealed(FILES, key.recipient);
    await expect(open(bytes, (await makeKey()).identity)).rejects.toThrow(
      `this key opens none of the recipients of ${NAME}`,
    );
    for (const length of [0, 10, 100, 250, bytes.length - 1])
      await expect(open(bytes.slice(0, length)), String(length)).rejects.toThrow(
        /damaged or not whole|no age file/,
      );
    const changed = bytes.slice();
    changed[bytes.length - 40] = (changed[bytes.length - 40] as number) ^ 1;
    await expect(open(changed)).rejects.toThrow(/damaged or not whole/);
  });

  it.each<[string, (files: SentFile[]) => SentFile[], RegExp]>([
    ["of another stack", (files) => [meta({ stack: "other" }), ...files.slice(1)], /is of other production/],
    ["of a later format", (files) => [meta({ format: 2 }), ...files.slice(1)], /format 2/],
    ["of no release", (files) => [meta({ release: "../x" }), ...files.slice(1)], /release|pattern/i],
    ["without its words", (files) => files.slice(1), /no plimsoll.json/],
    ["without the release's files", (files) => files.slice(0, -1), /lacks state\/releases\/v3\/settings.env/],
    ["that leads out", (files) => [...files, { path: "state/../../x", content: "" }], /leads out/],
  ])("%s is refused", async (_, change, message) => {
    await expect(open(await sealed(change([...FILES]), key.recipient))).rejects.toThrow(message);
  });

  it("has a time for a name", () => {
    expect(bundleTime(NAME)).toBe(Date.parse("2026-11-28T16:15:00Z") / 1000);
    expect(bundleTime("notes.txt")).toBeUndefined();
  });
});

function meta(over: object): SentFile {
  return { path: "plimsoll.json", content: JSON.stringify({ ...META, ...over }) };
}

describe("the stack's own folder out of a bundle", () => {
  const bundle = (beside: Record<string, string>, stack = "shop") =>
    ({
      meta: { ...META, stack },
      state: [
        { path: "releases/v3/source/stack.yaml", content: Buffer.from("name: shop\n") },
        { path: "releases/v3/source/beside.json", content: Buffer.from(JSON.stringify(beside)) },
        { path: "releases/v2/source/stack.yaml", content: Buffer.from("name: older\n") },
      ],
    }) as unknown as Bundle;

  it("is written with what stack.yaml names, and never over one that is there", async () => {
    const parent = mkdtempSync(join(root, "source-"));
    const folder = await writeSource(bundle({ "certs/ca.pem": "PEM" }), parent);
    expect(folder).toBe(join(parent, "shop"));
    expect(readFileSync(join(parent, "shop/stack.yaml"), "utf8")).toBe("name: shop\n");
    expect(readFileSync(join(parent, "shop/certs/ca.pem"), "utf8")).toBe("PEM");
    expect(readdirSync(join(parent, "shop")).sort()).toEqual(["certs", "stack.yaml"]);
    await expect(writeSource(bundle({}), parent)).rejects.toThrow("is there already");
    expect(readFileSync(join(parent, "shop/certs/ca.pem"), "utf8")).toBe("PEM");
  });

  it.each([
    ["a path that leads out of it", { "../outside": "x", "a/../../outside": "x", "/outside": "x" }, "shop"],
    ["a name that does", {}, "../outside"],
  ])("goes nowhere else by %s", async (_, beside, stack) => {
    const parent = mkdtempSync(join(root, "source-"));
    const writing = writeSource(bundle(beside as Record<string, string>, stack), parent);
    await (stack === "shop" ? writing : expect(writing).rejects.toThrow("has no stack.yaml"));
    expect(readdirSync(parent)).toEqual(stack === "shop" ? ["shop"] : []);
    expect(existsSync(join(root, "outside"))).toBe(false);
    expect(existsSync(join(parent, "outside"))).toBe(false);
  });
});
