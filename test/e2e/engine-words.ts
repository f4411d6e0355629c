/** A stack's folder for a test: a copy, with words and ports of its own. */
import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseDocument } from "yaml";
import { produce } from "../../generator/index.ts";
import { readStackFolder } from "../../generator/stack.ts";
import { wordFor } from "../../operator/up/ports.ts";
import type { StackOptions } from "./engine.ts";

/** Without what git does not keep: dependencies, builds, generated files, secrets. */
export async function copyStack(from: string, id: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), `${id}-`));
  const left = new Set(["node_modules", "dist", "generated", ".generated", "secrets", "coverage"]);
  await cp(from, root, { recursive: true, filter: (path) => path === from || !left.has(basename(path)) });
  return root;
}

export async function setWords(stackFolder: string, words: Readonly<Record<string, unknown>>): Promise<void> {
  const file = join(stackFolder, "stack.yaml");
  const document = parseDocument(await readFile(file, "utf8"));
  for (const [path, value] of Object.entries(words))
    document.setIn(["environments", "local", ...path.split(".")], value);
  await writeFile(file, document.toString());
}

/** Sets the overrides. @returns words that give a free port to every one that the stack publishes then */
export async function freePortWords(
  stackFolder: string,
  { images, overrides }: Pick<StackOptions, "images" | "overrides">,
): Promise<Record<string, number>> {
  await setWords(stackFolder, { images: images ?? "debian", ...overrides });
  const { plan } = produce(await readStackFolder(stackFolder), "local");
  const words = Object.entries(plan.services).flatMap(([service, { compose }]) =>
    (compose.ports ?? []).map(({ target }) => wordFor({ service, target })),
  );
  const ports = await freePorts(words.length);
  return Object.fromEntries(words.map((word, index) => [word, ports[index] as number]));
}

/** Ports of 127.0.0.1 that nobody listens on, all different: each is held until the last is found. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done, failed) => server.once("error", failed).listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
