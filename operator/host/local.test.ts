import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { localHost } from "./local.ts";

const host = localHost();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "host-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a command reads its input, whatever form it has", async () => {
  for (const input of ["a\nb", Buffer.from("a\nb"), Readable.from([Buffer.from("a\n"), Buffer.from("b")])]) {
    expect((await host.run("cat", [], { input })).stdout).toBe("a\nb");
  }
  expect((await host.run("cat", [])).stdout).toBe("");
});

test("a command that does not read its input is no fault", async () => {
  const input = "x".repeat(1_000_000);
  expect(await host.run("true", [], { input })).toMatchObject({ exitCode: 0 });
});

test("a script has arguments, input and an exit code, and is in no process list", async () => {
  const text = `set -eu
    printf '%s|' "$#" "$1" "$2"
    cat
    tr '\\0' ' ' < /proc/$$/cmdline
    exit 7 # a-word-of-the-script`;
  const { exitCode, stdout } = await host.script(text, ["it's", "$HOME"], { input: "in" });
  expect(exitCode).toBe(7);
  expect(stdout).toMatch(/^2\|it's\|\$HOME\|in/);
  expect(stdout).not.toContain("a-word-of-the-script");
});

test("files are placed by rename, with their modes", async () => {
  await writeFile(join(folder, "old"), "old");
  const before = await stat(join(folder, "old"));
  const outcome = await host.send(
    folder,
    [
      { path: "old", content: "new" },
      { path: "secret/", mode: 0o700 },
      { path: "secret/key", content: Buffer.from([0, 255]), mode: 0o444 },
      { path: "link", content: { link: "old" } },
      { path: "copy", content: { from: "package.json" } },
    ],
    { after: 'pwd; echo "$1"', args: ["done"] },
  );
  expect(outcome.stdout).toBe(`${folder}\ndone`);
  expect((await stat(join(folder, "old"))).ino).not.toBe(before.ino);
  expect(await readFile(join(folder, "link"), "utf8")).toBe("new");
  expect((await stat(join(folder, "secret"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, "secret/key"))).mode & 0o777).toBe(0o444);
  expect((await readdir(folder)).sort()).toEqual(["copy", "link", "old", "secret"]);
});

test("nothing leaves the folder, and a refusal writes nothing", async () => {
  await symlink("/tmp", join(folder, "out"));
  for (const path of ["../x", "/etc/x", "a/../../x", "a//b", "", ".", "a\nb", "out/x"]) {
    await expect(
      host.send(folder, [
        { path: "fine", content: "" },
        { path, content: "" },
      ]),
    ).rejects.toThrow();
  }
  const twice = [
    { path: "a", content: { link: "/etc" } },
    { path: "a/b", content: "" },
  ];
  await expect(host.send(folder, twice)).rejects.toThrow("lies below a, which is no folder");
  expect(await readdir(folder)).toEqual(["out"]);
});
