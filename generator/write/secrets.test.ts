import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { SecretRef } from "../components/component.ts";
import { eachInItsFolder, listFiles } from "../testing/folder.ts";
import { makeSecrets } from "./secrets.ts";

const folder = eachInItsFolder();
const read = (path: string) => readFile(join(folder.path, path), "utf8");

it("makes secrets once, and derives the others from them each time", async () => {
  const secrets = [
    { name: "password", random: 32, component: "t" },
    { name: "key", supplied: "a key", component: "t" },
    {
      name: "url",
      component: "t",
      text: ["x://u:", { secret: "password", as: "url" as const }, "@h/", { secret: "key" }],
    },
  ] as const;
  await expect(makeSecrets(folder.path, secrets, undefined)).rejects.toThrow(
    /key does not exist: a key, which a person supplies/,
  );
  expect(await listFiles(folder.path)).toEqual([".gitignore"]);
  await writeFile(join(folder.path, "key"), "a/b\n");
  await makeSecrets(folder.path, secrets, undefined);
  const password = await read("password");
  expect(password).toMatch(/^[A-Za-z0-9]{32}$/);
  expect(await read("url")).toBe(`x://u:${password}@h/a/b`);
  expect((await makeSecrets(folder.path, secrets, undefined)).made).toEqual([]);
  expect(await read("password")).toBe(password);
  expect(((await stat(folder.path)).mode & 0o777).toString(8)).toBe("700");
  expect(((await stat(join(folder.path, "url"))).mode & 0o777).toString(8)).toBe("444");
});

it("lets its owner write a value that was left empty, and takes it over", async () => {
  const secrets = [
    { name: "key", supplied: "a key", component: "t" },
    { name: "env", text: ["KEY=", { secret: "key", oneLine: true as const }], component: "t" },
  ];
  await makeSecrets(folder.path, secrets, "");
  expect(await read("env")).toBe("KEY=");
  expect(((await stat(join(folder.path, "key"))).mode & 0o777).toString(8)).toBe("644");
  await writeFile(join(folder.path, "key"), "$a \"b\" 'c' #d\n");
  expect((await makeSecrets(folder.path, secrets, "")).made).toEqual(["env"]);
  expect(await read("env")).toBe("KEY=$a \"b\" 'c' #d");
});

// `docker compose config` reads of a raw env file: the first line, and a variable for each other one.
it.each(["-----BEGIN KEY-----\nabc=\n-----END KEY-----\n", "a\rb", "a\n\n"])(
  "refuses %j as a line of an env file, and takes it as a file",
  async (value) => {
    const ref = { secret: "key" };
    const secrets = (text: readonly (string | SecretRef)[]) => [
      { name: "key", supplied: "a key", component: "t" },
      { name: "derived", text, component: "t" },
    ];
    await makeSecrets(folder.path, secrets([]), "");
    await writeFile(join(folder.path, "key"), value);
    await expect(makeSecrets(folder.path, secrets(["KEY=", { ...ref, oneLine: true }]), "")).rejects.toThrow(
      /key holds more than one line.*\n.*secrets_as: files/,
    );
    await makeSecrets(folder.path, secrets([ref]), "");
    expect(await read("derived")).toBe(value.replace(/\n$/, ""));
  },
);
