/** Promotion to the first write that is accepted, beside what Docker does by itself: starting a killed primary again. */

import { type RunningStack, withStack } from "../e2e/engine.ts";
import { buildCli, cliOn, removeCli } from "../e2e/operate-cli.ts";
import { startWriter } from "../e2e/writer.ts";
import { states } from "../faults/states.ts";
import { median, row } from "./measure.ts";

const overrides = { "api.servers": 1, monitoring: false, logging: false, "nginx.rate": false };

export async function measurePromotion(rounds: number): Promise<void> {
  const main = await buildCli();
  const peace: number[] = [];
  const silences: number[] = [];
  const restarts: number[] = [];
  try {
    await withStack({ name: "dbpromote", overrides }, async (stack) => {
      const cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
      const table = "create table numbers (n bigint primary key)";
      await must(cli.run("psql", ["--", "-c", table]));
      let [leader, other] = ["postgres-1", "postgres-2"];
      let first = 1;
      for (let round = 0; round < rounds; round++) {
        restarts.push(await restarted(stack, leader as string, first));
        first += 1_000_000;
        const writer = await startWriter(stack, first);
        first += 1_000_000;
        try {
          const from = Date.now();
          const { stdout } = await must(cli.run("promote", ["--confirm", "fkod", "--json"]));
          await writer.next();
          peace.push((JSON.parse(stdout) as { seconds: number }).seconds);
          silences.push(writer.longestGap(from, Date.now()));
        } finally {
          await writer.stop();
        }
        await must(cli.run("rejoin", ["--json"]));
        [leader, other] = [other, leader];
      }
    });
  } finally {
    await removeCli();
  }
  const spread = (values: readonly number[]) =>
    `${median(values).toFixed(1)} s (${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)}, ${values.length} rounds)`;
  console.log("\npromotion under a writer's load");
  row(
    "from the fence to the first accepted write",
    spread(peace),
    `ratio to the aim of 5 s: ${(median(peace) / 5).toFixed(2)}`,
  );
  row("the longest silence that the writer saw", spread(silences));
  row(
    "kill -9 of the primary, Docker starts it again",
    spread(restarts),
    `promotion's silence to this: ${(median(silences) / median(restarts)).toFixed(2)}`,
  );
}

/** Seconds of silence for a writer whose primary's process is killed and left to its restart policy. */
async function restarted(stack: RunningStack, leader: string, first: number): Promise<number> {
  const writer = await startWriter(stack, first);
  try {
    const from = Date.now();
    process.kill((await states(stack)).get(leader)?.pid as number, "SIGKILL");
    await new Promise((later) => setTimeout(later, 500));
    await writer.next();
    return writer.longestGap(from, Date.now());
  } finally {
    await writer.stop();
  }
}

async function must<Said extends { exitCode: number; stderr: string }>(said: Promise<Said>): Promise<Said> {
  const { exitCode, stderr } = await said;
  if (exitCode !== 0) throw new Error(stderr);
  return said;
}
