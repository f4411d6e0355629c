import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadEnv } from "vite";
import { expect, it } from "vitest";
import { frontendFile } from "./frontend.ts";

const values = [
  "https://api.fkod.com",
  "",
  "F-Kod",
  "a b",
  " padded ",
  "$HOME",
  "$" + "{HOME}",
  "a$b",
  'say "hi"',
  "it's",
  "`id`",
  "# no comment",
  "a\\nb",
  "a=b",
  "{{x}}",
  `it's "both"`,
];

it("is read by Vite as it was written", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-env-"));
  try {
    const variables = Object.fromEntries(values.map((value, index) => [`VITE_${index}`, value]));
    const { content } = frontendFile(variables);
    await writeFile(join(folder, ".env.production"), (content as { text: string }).text);
    expect(loadEnv("production", folder, "VITE_")).toMatchObject(variables);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
