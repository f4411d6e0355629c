import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { produce } from "../../generator/index.ts";
import { readStackFolder } from "../../generator/stack.ts";
import { wordFor } from "./ports.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-ports-"));
  await cp("stacks/fkod/stack.yaml", join(folder, "stack.yaml"));
});
afterAll(() => rm(folder, { recursive: true }));

async function publishedPorts(environment: "local" | "production") {
  const { plan } = produce(await readStackFolder(folder), environment);
  return Object.entries(plan.services).flatMap(([service, { compose }]) =>
    (compose.ports ?? []).map(({ target, published }) => ({ service, target, published: Number(published) })),
  );
}

test.each(["local", "production"] as const)(
  "in %s, each port moves with the word that a fault names",
  async (environment) => {
    const before = await publishedPorts(environment);
    expect(before.length).toBeGreaterThan(3);
    const file = join(folder, "stack.yaml");
    const original = await readFile(file, "utf8");
    const document = parseDocument(original);
    const moved = (port: number) => port + 20_000;
    for (const port of before) {
      document.setIn(["environments", environment, ...wordFor(port).split(".")], moved(port.published));
    }
    await writeFile(file, document.toString());
    try {
      const after = await publishedPorts(environment);
      expect(after).toEqual(before.map((port) => ({ ...port, published: moved(port.published) })));
    } finally {
      await writeFile(file, original);
    }
  },
);
