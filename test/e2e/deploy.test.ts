/** `plimsoll deploy` and what belongs to it, over real ssh to a droplet with its own systemd and engine. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from "vitest";
import { series } from "./deploy-series.ts";
import { type DeploySite, isWhole, openDeploySite } from "./deploy-site.ts";
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
    onTestFailed(async () => {
      console.error((await site.run(["releases", "production"])).stdout);
      console.error(
        await site.attempt(`cat $(ls -td ${"/srv/plimsoll/*/state/releases/v*"} | head -1)/{reason,events}`),
      );
    });
  });

  it("replaces a polite application again and again, with nginx's own files and nginx itself, and loses nothing", () =>
    series(site, "polite", { deploys: 4, handover: 4 }));

  it("loses nothing of an application that does not mind SIGTERM", () =>
    series(site, "plain", { deploys: 2 }));

  it("loses nothing of one that goes on until it is killed", () => series(site, "stubborn", { deploys: 2 }));
});
