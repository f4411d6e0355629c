/** What generating costs: in process, as a cold command beside `node -e 0`, and how it grows. */
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { produce } from "../../generator/index.ts";
import { packageRoot } from "../../generator/package.ts";
import { environmentNames } from "../../generator/spec/core.ts";
import { readStackFolder } from "../../generator/stack.ts";
import { sourceOf } from "../../generator/testing/source.ts";
import { row, show, time } from "./measure.ts";

const fkod = await readStackFolder(join(packageRoot, "stacks/fkod"));
const machine = { cpus: 256, memory: "16TB", disk: "100TB" };

function stackOf(servers: number): ReturnType<typeof sourceOf> {
  const words = fkod.yaml.value as { api: object };
  const { environments: _, ...rest } = words as Record<string, unknown>;
  return sourceOf(stringify({ ...rest, machine, api: { ...words.api, servers, metrics_port: 9000 } }));
}

for (let warm = 0; warm < 5; warm++) produce(fkod, "production");
const one = await time(50, () => produce(fkod, "production"));
row("fkod, one environment, in process", show(one), `limit 50 ms, ratio ${(one.median / 50).toFixed(2)}`);
const all = await time(20, () => environmentNames.map((name) => produce(fkod, name)));
row("fkod, all three environments, in process", show(all));

console.log();
const sizes = [3, 30, 300];
let before: { servers: number; median: number } | undefined;
for (const servers of sizes) {
  const source = stackOf(servers);
  produce(source, "production");
  const timing = await time(servers > 100 ? 10 : 30, () => produce(source, "production"));
  const growth = before
    ? `×${(timing.median / before.median).toFixed(1)} for ×${servers / before.servers}`
    : "";
  row(`${servers} API servers`, show(timing), growth);
  before = { servers, median: timing.median };
}

console.log();
let stacksBefore: { count: number; median: number } | undefined;
for (const count of [1, 10, 100]) {
  const timing = await time(count > 50 ? 5 : 15, () => {
    for (let index = 0; index < count; index++) produce(fkod, "production");
  });
  const growth = stacksBefore
    ? `×${(timing.median / stacksBefore.median).toFixed(1)} for ×${count / stacksBefore.count}`
    : "";
  row(`${count} stacks`, show(timing), growth);
  stacksBefore = { count, median: timing.median };
}

console.log();
const folder = await mkdtemp(join(tmpdir(), "plimsoll-bench-"));
try {
  await cp(join(packageRoot, "stacks/fkod/stack.yaml"), join(folder, "stack.yaml"));
  const cli = join(packageRoot, "bin/plimsoll.js");
  const run = (...words: string[]) => execFileSync(process.execPath, words, { cwd: folder, stdio: "pipe" });
  run(cli, "generate", ".", "-e", "production");
  const commands: Record<string, string[]> = {
    "node -e 0": ["-e", "0"],
    "plimsoll --version, cold": [cli, "--version"],
    "plimsoll validate -e production, cold": [cli, "validate", ".", "-e", "production"],
    "plimsoll generate -e production --check, cold": [cli, "generate", ".", "-e", "production", "--check"],
  };
  const times = new Map(Object.keys(commands).map((name): [string, number[]] => [name, []]));
  // In turn, so that what else the machine does falls on all.
  for (let round = 0; round < 20; round++) {
    for (const [name, words] of Object.entries(commands)) {
      times.get(name)?.push((await time(1, () => run(...words))).median);
    }
  }
  const median = (name: string) => {
    const sorted = [...(times.get(name) ?? [])].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] as number;
  };
  const limit = 2 * median("node -e 0") + 150;
  for (const name of times.keys()) {
    row(
      name,
      `${median(name).toFixed(0)} ms`,
      `limit ${limit.toFixed(0)} ms (2 × node + 150), ratio ${(median(name) / limit).toFixed(2)}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
