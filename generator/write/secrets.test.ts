import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../testing/folder.ts";
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
  const refused = await makeSecrets(folder.path, secrets, undefined);
  expect(refused.missing).toEqual([{ name: "key", what: "a key" }]);
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
