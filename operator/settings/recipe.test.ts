import { spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Secret, SecretRef } from "../../generator/components/component.ts";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { makeSecrets } from "../../generator/write/secrets.ts";
import { secretsRecipe } from "./recipe.ts";

const folder = eachInItsFolder();
const SCRIPT = resolve("operator/onhost/secrets.bash");

function onHost(secrets: readonly Secret[], target: string, supply = "") {
  const recipe = join(folder.path, "secrets.recipe");
  const lines = 'set -euo pipefail; . "$1"; cat >"$2"; secrets_make "$2" "$3" $4';
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-c", lines, "bash", SCRIPT, recipe, target, supply],
    {
      input: secretsRecipe(secrets),
      encoding: "utf8",
    },
  );
  return { status, made: stdout.split("\n").filter(Boolean), stderr };
}

const planned = (secrets: readonly Secret[]) => secrets.map((secret) => ({ ...secret, component: "t" }));
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

const ways: readonly SecretRef["as"][] = ["plain", "url", "sha256", undefined];
const derived: Secret[] = [
  { name: "value", supplied: "a value" },
  ...ways.map((as, index) => ({
    name: `derived_${index}`,
    text: ["-n \"x'=%s\\n$", { secret: "value", as }, "\n"],
  })),
];

const hostile = [
  "",
  "\n",
  "\r\n",
  "a\n\n",
  "a\r",
  "-n",
  "-e x",
  "--",
  "%s%d%%",
  "$(id) `id` $HOME",
  "'\"\\",
  "grüße 🚢 \u0000 nul",
  " lead and trail ",
  "\ttab\t",
  "!~*'()-_.",
  "a\nb\r\nc",
  "x".repeat(70_000),
  "\\n\\0",
  "é\u0301",
  "\u007f\u0001",
];

it("writes byte for byte what the laptop writes, for values that a shell would trip over", async () => {
  for (const [index, value] of hostile.entries()) {
    const [here, there] = [join(folder.path, `here-${index}`), join(folder.path, `there-${index}`)];
    for (const place of [here, there]) {
      await mkdir(place);
      await writeFile(join(place, "value"), value);
    }
    const laptop = await makeSecrets(here, planned(derived), undefined);
    const host = onHost(derived, there);
    expect(host).toMatchObject({ status: 0, stderr: "" });
    expect(host.made).toEqual(laptop.made.map((name) => `made ${name}`));
    expect(await readdir(there)).toEqual(await readdir(here));
    for (const name of await readdir(here)) {
      expect(
        (await readFile(join(there, name))).equals(await readFile(join(here, name))),
        `${name} of ${value}`,
      ).toBe(true);
    }
  }
});

it("and for any other value", async () => {
  const value = fc.string({ unit: "grapheme", maxLength: 60 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(value, async (text) => {
      const [here, there] = [join(folder.path, `a-${run}`), join(folder.path, `b-${run++}`)];
      for (const place of [here, there]) {
        await mkdir(place);
        await writeFile(join(place, "value"), text);
      }
      await makeSecrets(here, planned(derived), undefined);
      expect(onHost(derived, there).status).toBe(0);
      for (const name of await readdir(here))
        expect((await readFile(join(there, name))).equals(await readFile(join(here, name)))).toBe(true);
    }),
    { numRuns: 15 },
  );
});

it("makes what is random once, of its alphabet and length, with the modes of the laptop", async () => {
  const secrets: Secret[] = [
    { name: "long", random: 5000 },
    { name: "short", random: 1 },
    { name: "hex", random: 31, alphabet: "hex" },
    { name: "url", text: ["x:", { secret: "long", as: "url" }] },
  ];
  const place = join(folder.path, "secrets");
  expect(onHost(secrets, place).made).toEqual(["made long", "made short", "made hex", "made url"]);
  const long = await readFile(join(place, "long"), "utf8");
  expect(long).toMatch(/^[A-Za-z0-9]{5000}$/);
  // Every character, each about 81 times: a fold by modulo would give some 5/4 of others.
  expect(new Set(long).size).toBe(62);
  expect(await readFile(join(place, "hex"), "utf8")).toMatch(/^[0-9a-f]{31}$/);
  expect(await mode(place)).toBe("700");
  expect(await mode(join(place, "long"))).toBe("444");
  expect(await mode(join(place, "url"))).toBe("444");
  expect(onHost(secrets, place).made).toEqual([]);
  expect(await readFile(join(place, "long"), "utf8")).toBe(long);
  await chmod(join(place, "url"), 0o644);
  await writeFile(join(place, "url"), "other");
  expect(onHost(secrets, place).made).toEqual(["made url"]);
});

it("names every secret that nobody supplied, and makes nothing; in local they are empty", async () => {
  const secrets: Secret[] = [
    { name: "password", random: 8 },
    { name: "key", supplied: "the key of 'x' $(id)" },
    { name: "other", supplied: "another" },
  ];
  const place = join(folder.path, "secrets");
  const outcome = onHost(secrets, place);
  expect(outcome.status).toBe(2);
  expect(outcome.stderr).toBe(
    "secret key does not exist: the key of 'x' $(id), which a person supplies\n" +
      "secret other does not exist: another, which a person supplies\n",
  );
  expect(await readdir(place)).toEqual([".gitignore"]);
  expect(onHost(secrets, place, "empty").made).toEqual(["made password", "made key", "made other"]);
  expect(await mode(join(place, "key"))).toBe("644");
  expect(await readFile(join(place, "key"), "utf8")).toBe("");
});

it("refuses more than one line where a line is made of it, and leaves no half file", async () => {
  const secrets: Secret[] = [
    { name: "key", supplied: "a key" },
    { name: "env", text: ["KEY=", { secret: "key", oneLine: true }, "\n"] },
  ];
  const place = join(folder.path, "secrets");
  onHost(secrets, place, "empty");
  await writeFile(join(place, "key"), "one\n");
  expect(onHost(secrets, place)).toMatchObject({ status: 0 });
  for (const value of ["a\nb", "a\rb", "a\n\n", "a\u0000b"]) {
    await writeFile(join(place, "key"), value);
    const { status, stderr } = onHost(secrets, place);
    expect(status, JSON.stringify(value)).toBe(2);
    expect(stderr).toMatch(/^secret key holds more than one line/);
  }
  expect(await readFile(join(place, "env"), "utf8")).toBe("KEY=one\n");
  expect((await readdir(place)).sort()).toEqual([".gitignore", "env", "key"]);
});

it("holds no value, and takes no name that is not one", () => {
  expect(secretsRecipe([{ name: "a.env", text: "two\nlines" }])).toBe(
    "plimsoll-secrets 1\ntext a.env\n= dHdvCmxpbmVz\nend\n",
  );
  for (const name of ["", "-x", "../x", "a b", "a/b", "a\nb"])
    expect(() => secretsRecipe([{ name, random: 1 }])).toThrow(/no name/);
});
