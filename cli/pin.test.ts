import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { shortest } from "../generator/testing/source.ts";
import { ExitError } from "./exit.ts";
import { pinCommand } from "./pin.ts";

let server: Server;
let digest = "1".repeat(64);
let status = 200;
let folder: string;

beforeEach(async () => {
  digest = "1".repeat(64);
  status = 200;
  server = createServer((_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ Descriptor: { digest: `sha256:${digest}` }, message: "no such host" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("DOCKER_HOST", `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.spyOn(console, "error").mockImplementation(() => {});
  folder = await mkdtemp(join(tmpdir(), "plimsoll-pin-"));
  await writeFile(join(folder, "stack.yaml"), shortest);
});

afterEach(() => {
  server.close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const pin = (...words: string[]) => pinCommand().parseAsync([folder, ...words], { from: "user" });
const pins = async () => JSON.parse(await readFile(join(folder, "pins.json"), "utf8"));

test("writes the digests of all official images, sorted, and none of the user's own", async () => {
  await pin();
  const names = Object.keys(await pins());
  expect(names).toEqual([...names].sort());
  expect(names.some((name) => name.startsWith("redis:"))).toBe(true);
  expect(names).not.toContain("ghcr.io/me/hello:1.0.0");
  await pin("--check");
});

test("--check writes nothing and says that a digest is another one now", async () => {
  await pin();
  const before = await pins();
  digest = "2".repeat(64);
  await expect(pin("--check")).rejects.toEqual(new ExitError(3));
  expect(await pins()).toEqual(before);
});

test("writes nothing where one image could not be asked for", async () => {
  status = 500;
  await expect(pin()).rejects.toThrow(/nothing was written/);
  await expect(pins()).rejects.toThrow(/ENOENT/);
});
