/** Every fault of the database: nothing acknowledged is lost, the right alert rises, and it is well again. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "../e2e/engine.ts";
import { type Outcome, openSite, outcomes, suffer } from "./database.ts";
import { FAULTS } from "./database-faults.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("faults of the database", () => {
  let site: Awaited<ReturnType<typeof openSite>>;
  let faults = 0;
  const done: Outcome[] = [];
  beforeAll(async () => {
    // Room for some hundred MB each, so that they are full soon.
    site = await openSite("dbfaults", { "postgres-1": 1024, pgbackrest: 1024 });
  });
  afterAll(async () => {
    console.log(outcomes(done));
    await site?.close();
  });

  it.each(FAULTS)("$what", async (fault) => {
    // Rows of their own for each, whatever becomes of it.
    const first = 1 + faults++ * 1_000_000;
    const outcome = await suffer(site, fault, first, {
      patience: 300,
      firing: process.env.FIRING === "1",
    });
    done.push(outcome);
    console.log(outcomes([outcome]).split("\n").at(-1));
    expect(outcome.acknowledged).toBeGreaterThan(0);
    expect(outcome.lost).toBe(0);
  });
});
