/** Twenty random instants of the past (INSTANTS=5: so many), under load: the exact rows of each, by transaction. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, type RunningStack, startStack } from "../e2e/engine.ts";
import { buildCli, cliOn, removeCli } from "../e2e/operate-cli.ts";
import { restoreToRandomInstants } from "./pitr.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

const INSTANTS = Number(process.env.INSTANTS ?? 20);
const KINDS = ["time", "time", "xid", "time", "lsn"] as const;

describe.skipIf(!engine)("point-in-time recovery", () => {
  let stack: RunningStack;
  beforeAll(async () => {
    stack = await startStack({
      name: "pitr",
      timeout: 600,
      overrides: {
        "api.servers": 1,
        "postgres.replica": false,
        monitoring: false,
        logging: false,
        "nginx.rate": false,
      },
    });
  });
  afterAll(() => stack?.stop());

  it("has the exact rows of random instants, under load", async () => {
    const cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
    const kinds = Array.from({ length: INSTANTS }, (_, index) => KINDS[index % KINDS.length] ?? "time");
    const done = await restoreToRandomInstants({ stack, cli, node: "postgres-1", kinds, backupEvery: 4 });
    expect(done.length).toBe(INSTANTS);
    const sets = new Set(done.map(({ set }) => set));
    if (INSTANTS > 8) expect(sets.size).toBeGreaterThan(1);
    const seconds = done.map((instant) => instant.seconds).sort((one, other) => one - other);
    console.log(
      `${INSTANTS} instants exact, from ${sets.size} backups; ${seconds[0]} to ${seconds.at(-1)} s each, median ${seconds[Math.floor(INSTANTS / 2)]}`,
    );
  });
});
