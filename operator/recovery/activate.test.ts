import { createCipheriv, createHash } from "node:crypto";
import { createServer } from "node:net";
import { describe, expect, it, test } from "vitest";
import { fakeHost } from "../host/fake.ts";
import { parseRecovered, seedLines } from "./activate.ts";
import { decrypt, parseBackupInfo } from "./catalog.ts";
import { signOfLife } from "./first-host.ts";

describe("what the bucket holds of backups", () => {
  const entry = (stop: number, more: object = {}) =>
    JSON.stringify({ "backup-timestamp-stop": stop, "backup-info-size": 4096, ...more });
  const text = [
    "[backrest]",
    "backrest-format=5",
    "",
    "[backup:current]",
    `20261128-033000F=${entry(100)}`,
    `20261128-033000F_20261128-093000D=${entry(200)}`,
    `20261128-120000F=${entry(300, { "backup-error": true })}`,
    "",
    "[db]",
  ].join("\n");

  /** As pgBackRest writes it. */
  function sealed(plain: string, pass: string): Buffer {
    const salt = Buffer.from("saltsalt");
    const secret = Buffer.concat([Buffer.from(pass), salt]);
    const parts: Buffer[] = [];
    for (let last = Buffer.alloc(0); Buffer.concat(parts).length < 48; parts.push(last))
      last = createHash("sha1")
        .update(Buffer.concat([last, secret]))
        .digest();
    const key = Buffer.concat(parts);
    const cipher = createCipheriv("aes-256-cbc", key.subarray(0, 32), key.subarray(32, 48));
    return Buffer.concat([Buffer.from("Salted__"), salt, cipher.update(plain), cipher.final()]);
  }

  it("leaves out a backup with damaged pages", () => {
    expect(parseBackupInfo(text)).toEqual([
      { label: "20261128-033000F", finished: 100, size: 4096 },
      { label: "20261128-033000F_20261128-093000D", finished: 200, size: 4096 },
    ]);
  });

  it("opens with its own key and no other", () => {
    expect(decrypt(sealed(text, "opensesame"), "opensesame", "here")).toBe(text);
    for (const [bytes, pass] of [
      [sealed(text, "opensesame"), "another"],
      [sealed("something else", "opensesame"), "opensesame"],
      [Buffer.from("[backrest]"), "opensesame"],
    ] as const)
      expect(() => decrypt(bytes, pass, "here")).toThrow(/in here are encrypted with another key/);
  });
});

test("how far the database goes", () => {
  expect(parseRecovered("1764345600.25 2 31457280 20261128-033000F\n")).toEqual({
    reached: 1764345600.25,
    timeline: 2,
    size: 31457280,
    set: "20261128-033000F",
  });
  expect(parseRecovered("- 2 31457280 20261128-033000F")?.reached).toBeUndefined();
  expect(parseRecovered("")).toBeUndefined();
});

test("the database is filled before files are", () => {
  const cluster = { nodes: ["postgres-1", "postgres-2"], dataDirectory: "/var/lib/postgresql/18/docker" };
  const plan = {
    backups: [
      { what: "sessions", volume: "redis-sessions" },
      { what: "elasticsearch", volume: "snapshots", broughtBy: { service: "elasticsearch", command: [] } },
      { what: "postgres", cluster },
      { what: "cache", none: "a cache" },
    ],
  } as unknown as Parameters<typeof seedLines>[0];
  expect(seedLines(plan)).toBe(
    "postgres postgres-1 /var/lib/postgresql/18/docker\nfiles sessions redis-sessions\nlater elasticsearch snapshots\n",
  );
});

describe("is a host gone?", () => {
  const here = fakeHost(() => ({ exitCode: 1 }));

  it("not where it takes connections, nor where it refuses them", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((listening) => server.once("listening", listening));
    const { port } = server.address() as { port: number };
    const at = `ssh://deploy@127.0.0.1:${port}`;
    expect(await signOfLife(at, here)).toEqual({ port, how: "takes connections" });
    await new Promise((closed) => server.close(closed));
    expect(await signOfLife(at, here)).toMatchObject({ how: "refuses connections" });
  });

  it("where nothing of it answers", async () => {
    // A name that leads nowhere.
    expect(await signOfLife("deploy@nothing.invalid", here, 300)).toBeUndefined();
  });
});
