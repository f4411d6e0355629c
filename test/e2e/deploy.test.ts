/** `plimsoll deploy` and what belongs to it, over real ssh to a droplet with its own systemd and engine. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from "vitest";
import { canaries, rollbacks } from "./deploy-back.ts";
import {
  badReleases,
  clientsAndConnections,
  dockerAndDisk,
  enginesThatEnd,
  twoAndReboot,
} from "./deploy-faults.ts";
import { sentImages } from "./deploy-image.ts";
import { series } from "./deploy-series.ts";
import { type DeploySite, isWhole, openDeploySite, STATE } from "./deploy-site.ts";
import { badHosts, badWords } from "./deploy-words.ts";
import { engineOrSkip } from "./engine.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("deploys to a droplet", () => {
  let site: DeploySite;
  beforeAll(async () => {
    site = await openDeploySite("deploy");
    const { stderr } = await site.deploy("--images", "debian");
    expect(stderr).toMatch(/v1 is current after/);
    await isWhole(site);
  });
  afterAll(() => site?.close());
  beforeEach(() => {
    onTestFailed(async ({ task }) => {
      console.error(`${task.name}\n${task.result?.errors?.map(({ message }) => message).join("\n")}`);
      console.error((await site.run(["releases", "production"])).stdout);
      const { stdout } = await site.attempt(
        `cd ${STATE}/releases && cd $(ls -td v* | head -n 1) && cat reason; tail -n 5 events`,
      );
      console.error(stdout);
    });
  });

  it("replaces a polite application again and again, with nginx's own files and nginx itself, and loses nothing", () =>
    series(site, "polite", { deploys: 4, handover: 4 }));
  it("loses nothing of an application that does not mind SIGTERM", () =>
    series(site, "plain", { deploys: 1 }));
  it("loses nothing of one that goes on until it is killed", () => series(site, "stubborn", { deploys: 2 }));

  badWords(() => site);
  badHosts(() => site);
  badReleases(() => site);
  clientsAndConnections(() => site, ["images", "roll api-2"]);
  rollbacks(() => site);
  sentImages(() => site);
  canaries(() => site);
  twoAndReboot(() => site);
  enginesThatEnd(() => site);
  dockerAndDisk(() => site);
});
