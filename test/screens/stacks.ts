/**
 * Pictures of a stack on which all is well, and of the same one broken:
 * `npx tsx test/screens/stacks.ts --out docs/dashboards [--minutes 20] [--broken 8]`. fkod as on a laptop, of Debian's
 * packages, with learners at work on it; later a server is killed, the replica and the cache are stopped, and a table is gone.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { dashboards } from "../../grafana/dashboards.ts";
import { expressions } from "../../grafana/expressions.ts";
import { type RunningStack, startStack } from "../e2e/engine.ts";
import { buildCli, cliOn, removeCli } from "../e2e/operate-cli.ts";
import { query } from "../e2e/prometheus.ts";
import { report } from "./report.ts";
import { takePictures } from "./take.ts";
import { startTraffic } from "./traffic.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    minutes: { type: "string", default: "20" },
    broken: { type: "string", default: "8" },
    patience: { type: "string", default: "15" },
    rate: { type: "string", default: "10" },
  },
});
const { out } = values;
if (!out) throw new Error("--out FOLDER is needed: it gets healthy/ and broken/");
const [minutes, broken] = [Number(values.minutes), Number(values.broken)];

/** What the dashboards of backups show beside backups. */
async function prove(stack: RunningStack): Promise<void> {
  const cli = cliOn(await buildCli(), { flags: ["--stack", stack.stackFolder] });
  try {
    for (const [command, ...words] of [
      ["backup", "now", "--full"],
      ["backup", "verify"],
      ["drill", "restore"],
    ] as const) {
      const { exitCode, stderr } = await cli.run(command, words);
      if (exitCode !== 0) console.log(`${command} ${words}: ${exitCode}\n${stderr}`);
    }
  } finally {
    await removeCli();
  }
}

async function breakIt(stack: RunningStack): Promise<void> {
  await stack.compose("kill", "api-2");
  await stack.compose("stop", "postgres-2", "redis-cache");
  // What a release leaves behind that needs a migration which nobody ran.
  const sql = "alter table mentors rename to mentors_of_old";
  const psql = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db", "-c", sql];
  await stack.exec("postgres-1", psql, { user: "postgres" });
}

/** Until the Overview says that all is well, for so long at most: other work on the machine makes the stack slow. */
async function calm(stack: RunningStack, patience: number): Promise<void> {
  const [verdict] = expressions(dashboards.overview()).filter(({ panel }) => panel === "All well");
  const deadline = performance.now() + patience * 60_000;
  for (;;) {
    const [found] = await query(stack, verdict?.expr ?? "");
    if (found?.value === 0) return;
    if (performance.now() > deadline) return console.log("It was not all well: the machine is busy.");
    await sleep(5_000);
  }
}

function picturesOf(stack: RunningStack, folder: string, seen: number) {
  const prometheus = `http://127.0.0.1:${stack.ports.prometheus}`;
  return takePictures({ prometheus, folder, range: `${Math.ceil(seen)}m` });
}

const stack = await startStack({ name: "screens", overrides: { "nginx.rate": false } });
let traffic: ReturnType<typeof startTraffic> | undefined;
try {
  const began = performance.now();
  const seen = () => (performance.now() - began) / 60_000;
  console.log(`${stack.project}: Prometheus on port ${stack.ports.prometheus}`);
  await stack.exec("api-1", ["node", "dist/seed.js"]);
  traffic = startTraffic(stack, Number(values.rate));
  await prove(stack);
  await sleep(Math.max(0, minutes - seen()) * 60_000);
  await calm(stack, Number(values.patience));
  const well = report(await picturesOf(stack, join(out, "healthy"), seen()));
  await breakIt(stack);
  await sleep(broken * 60_000);
  report(await picturesOf(stack, join(out, "broken"), seen()));
  process.exitCode = well ? 0 : 1;
} finally {
  await traffic?.stop();
  await stack.stop();
}
