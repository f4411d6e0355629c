import { execFileSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { fakeHost } from "../host/fake.ts";
import type { Host } from "../host/host.ts";
import { localHost } from "../host/local.ts";
import {
  checkAccessName,
  parseAuthorized,
  readAuthorized,
  withKey,
  withoutKey,
  writeAuthorized,
} from "./access.ts";
import { ourFingerprints } from "./our-keys.ts";
import { parsePublicKey } from "./public-key.ts";

const folder = eachInItsFolder();
const none: ReadonlySet<string> = new Set();

async function keyFor(comment: string, type = "ed25519") {
  const file = join(folder.path, `${comment}-${type}`);
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", comment, "-f", file]);
  const told = execFileSync("ssh-keygen", ["-lf", `${file}.pub`], { encoding: "utf8" });
  return { file, text: await readFile(`${file}.pub`, "utf8"), fingerprint: told.split(" ")[1] as string };
}

/** This machine with a home of the test's own. */
function atHome(): { host: Host } {
  const host = localHost();
  const environment = { HOME: folder.path };
  return {
    host: { ...host, script: (text, args, options) => host.script(text, args, { ...options, environment }) },
  };
}

it("takes a public key as ssh-keygen writes it, with the same fingerprint", async () => {
  for (const type of ["ed25519", "rsa", "ecdsa"]) {
    const { text, fingerprint } = await keyFor("ana", type);
    expect(parsePublicKey(text)).toMatchObject({ fingerprint, comment: "ana" });
  }
});

it("refuses everything else, and repeats none of it", async () => {
  const { text, file } = await keyFor("ana");
  const [type, blob] = text.split(" ") as [string, string];
  const wrong = [
    await readFile(file, "utf8"),
    "",
    "ana",
    `${text}${text}`,
    `command="id" ${text}`,
    `${type} ${blob.slice(0, -8)}`,
    `ssh-rsa ${blob}`,
    `ssh-dss ${blob}`,
    `${type} ${blob}!`,
    `${type}\n${blob}`,
  ];
  for (const one of wrong) {
    expect(() => parsePublicKey(one), one).toThrow();
    try {
      parsePublicKey(one);
    } catch (error) {
      expect(String(error)).not.toContain("AAAA");
    }
  }
  const short = join(folder.path, "short");
  execFileSync("ssh-keygen", ["-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", short]);
  expect(() => parsePublicKey(execFileSync("cat", [`${short}.pub`], { encoding: "utf8" }))).toThrow(
    /fewer than 2048/,
  );
  for (const name of ["", "Ana", "../x", "a b", "-x", "a;id", "x".repeat(41)])
    expect(() => checkAccessName(name), name).toThrow();
});

it("adds under a name, keeps what it did not write, removes by name", async () => {
  const [ana, bob, root] = [await keyFor("ana's key"), await keyFor("bob"), await keyFor("console")];
  const before = `# made by hand\nfrom="10.0.0.0/8" ${root.text.trim()}`;
  const one = withKey(before, "ana", parsePublicKey(ana.text)) as string;
  const both = withKey(one, "bob", parsePublicKey(bob.text)) as string;
  expect(both.startsWith(`${before}\n`)).toBe(true);
  expect(parseAuthorized(both).map(({ name, fingerprint }) => [name, fingerprint])).toEqual([
    [undefined, root.fingerprint],
    ["ana", ana.fingerprint],
    ["bob", bob.fingerprint],
  ]);
  expect(withKey(both, "ana", parsePublicKey(ana.text))).toBeUndefined();
  expect(() => withKey(both, "carl", parsePublicKey(ana.text))).toThrow(/there already as ana/);
  expect(() => withKey(both, "ana", parsePublicKey(root.text))).toThrow(/there already/);
  expect(() => withoutKey(both, "an", { ours: none })).toThrow(/nobody is called an/);
  expect(withoutKey(both, "bob", { ours: none })).toBe(one);
});

it("locks nobody out, unless it is forced", async () => {
  const [ana, bob] = [await keyFor("ana"), await keyFor("bob")];
  const one = withKey("", "ana", parsePublicKey(ana.text)) as string;
  const both = withKey(one, "bob", parsePublicKey(bob.text)) as string;
  expect(() => withoutKey(one, "ana", { ours: none })).toThrow(/the last key/);
  expect(() => withoutKey(both, "ana", { ours: new Set([ana.fingerprint]) })).toThrow(/lock yourself out/);
  expect(withoutKey(both, "ana", { ours: new Set([ana.fingerprint, bob.fingerprint]) })).not.toContain(
    "plimsoll:ana",
  );
  expect(withoutKey(one, "ana", { ours: new Set([ana.fingerprint]), force: true })).toBe("");
});

it("writes the file whole, 0600, and not over what another changed meanwhile", async () => {
  const ana = await keyFor("ana");
  const path = join(folder.path, ".ssh/authorized_keys");
  const first = await readAuthorized(atHome());
  await writeAuthorized(atHome(), first.seen, withKey(first.text, "ana", parsePublicKey(ana.text)) as string);
  expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600");
  expect(((await stat(join(folder.path, ".ssh"))).mode & 0o777).toString(8)).toBe("700");
  expect(execFileSync("ssh-keygen", ["-lf", path], { encoding: "utf8" })).toContain(ana.fingerprint);
  await expect(writeAuthorized(atHome(), first.seen, "x")).rejects.toThrow(/changed the keys meanwhile/);
  const second = await readAuthorized(atHome());
  await expect(writeAuthorized(atHome(), second.seen, "no key at all\n")).rejects.toThrow(
    /writing the keys failed/,
  );
  expect(await readFile(path, "utf8")).toBe(second.text);
});

it("knows the keys this machine would come in with", async () => {
  const [held, file] = [await keyFor("held"), await keyFor("file")];
  const here = fakeHost((line) => {
    if (line === "ssh-add -L") return { stdout: held.text };
    if (line === "ssh -G -- deploy@example")
      return { stdout: `user deploy\nidentityfile ${file.file}\nidentityfile ~/.ssh/none` };
    if (line.startsWith("ssh-keygen"))
      return line.endsWith(file.file)
        ? { stdout: `256 ${file.fingerprint} file (ED25519)` }
        : { exitCode: 255 };
    return undefined;
  });
  expect(await ourFingerprints(here, "deploy@example")).toEqual(
    new Set([held.fingerprint, file.fingerprint]),
  );
  expect((await ourFingerprints(here, undefined)).size).toBe(0);
});
