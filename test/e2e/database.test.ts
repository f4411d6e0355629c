/** The short form of the database's faults and of its point-in-time recovery. `npm run test:faults` is the long one. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outcome, openSite, outcomes, suffer } from "../faults/database.ts";
import { FAULTS } from "../faults/database-faults.ts";
import { restoreToRandomInstants } from "../faults/pitr.ts";
import { engineOrSkip } from "./engine.ts";
import { buildCli, cliOn, removeCli } from "./operate-cli.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

const SHORT = [
  "kill -9 of the archiver",
  "kill -9 of the primary's server, and it stays away",
  "a page of the primary is damaged",
];

describe.skipIf(!engine)("a database that is harmed", () => {
  let site: Awaited<ReturnType<typeof openSite>>;
  const done: Outcome[] = [];
  beforeAll(async () => {
    site = await openSite("database");
  });
  afterAll(async () => {
    console.log(outcomes(done));
    await site?.close();
  });

  it("has the exact rows of two random instants, under load", async () => {
    const cli = cliOn(main, { flags: ["--stack", site.stack.stackFolder] });
    const { stack, leader: node } = site;
    const instants = await restoreToRandomInstants({
      stack,
      cli,
      node,
      kinds: ["time", "xid"],
      backupEvery: 10,
    });
    expect(instants.length).toBe(2);
  });

  it.each(SHORT)("%s: nothing acknowledged is lost, and the right alert rises", async (what) => {
    const fault = FAULTS.find((each) => each.what === what);
    if (!fault) throw new Error(`there is no fault "${what}"`);
    const outcome = await suffer(site, fault, 1 + done.length * 1_000_000, { patience: 300, firing: false });
    done.push(outcome);
    expect(outcome.acknowledged).toBeGreaterThan(0);
    expect(outcome.lost).toBe(0);
  });
});
