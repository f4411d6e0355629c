/** For tests: the context of a stack in a temporary folder, with what its host and its containers say. */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { components } from "../../generator/components/index.ts";
import type { EnvironmentKind } from "../../generator/spec/core.ts";
import { loadSpec } from "../../generator/spec/load.ts";
import { sourceOf } from "../../generator/testing/source.ts";
import { type Answer, fakeHost } from "../host/fake.ts";
import type { Outcome } from "../host/host.ts";
import { siteOf } from "../site/open.ts";
import { type CheckContext, makeContext } from "./context.ts";
import { parseFacts } from "./facts.ts";
import { type FigureName, parseFigures } from "./figures.ts";

export const NOW = Date.parse("2026-03-01T12:00:00Z");

export type Given = {
  /** Words below the shortest stack, as YAML. */
  words?: string;
  environment?: EnvironmentKind;
  machine?: string;
  /** Undefined: nothing runs. */
  running?: string;
  figures?: Partial<Record<FigureName, number>>;
  /** Files of the repository, all of them tracked by git. */
  files?: Record<string, string>;
  /** None: the folder is in no repository. */
  git?: false;
  loads?: CheckContext["loads"];
  /** Commands on this machine. */
  run?: (line: string) => Partial<Outcome>;
  host?: Answer;
  /** What the domain leads to. */
  addresses?: string[];
};

const folders: string[] = [];
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export async function contextOf(given: Given = {}): Promise<CheckContext> {
  const { words = "", environment = "production", files = {}, figures } = given;
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-check-"));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const where = words.includes("backup:") ? "" : "backup: { lost_with_machine: accepted }\n";
  const stack = `name: shop\ndomain: api.shop.test\nmachine: s-4vcpu-16gb-amd\n${where}${words || "api: { build: ./api }"}\n`;
  const source = { ...sourceOf(stack), folder };
  const spec = loadSpec(source.yaml, environment, components);
  const host = fakeHost(given.host ?? (() => undefined), { name: "deploy@203.0.113.7", kind: "ssh" });
  const made = makeContext({ site: siteOf(spec, folder, host), spec, source });
  const facts = parseFacts(given.machine ?? "");
  const told = given.running === undefined ? undefined : parseFacts(given.running);
  const samples = Object.entries(figures ?? {}).map(([name, value]) => ({
    metric: { plimsoll_check: name },
    value: [0, String(value)],
  }));
  return {
    ...made,
    machine: async () => facts,
    running: async () => told && { ...told, figures: figures && parseFigures(JSON.stringify(samples)) },
    loads: given.loads ?? (async () => []),
    now: () => NOW,
    addressesOf: async () => given.addresses ?? [],
    async run(command, args) {
      const line = [command, ...args].join(" ");
      const done = { exitCode: 0, stdout: "", stderr: "" };
      if (command === "git" && given.git === false) return { ...done, exitCode: 128 };
      if (line === "git rev-parse --show-toplevel") return { ...done, stdout: `${folder}\n` };
      if (line === "git ls-files -z") return { ...done, stdout: Object.keys(files).join("\0") };
      return { ...done, ...given.run?.(line) };
    },
  };
}
