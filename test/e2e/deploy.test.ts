/** `plimsoll deploy` and what belongs to it, over real ssh to a droplet with its own systemd and engine. */
import { it } from "vitest";
import { canaries, rollbacks } from "./deploy-back.ts";
import { badReleases } from "./deploy-faults.ts";
import { sentImages } from "./deploy-image.ts";
import { APPLICATIONS, series } from "./deploy-series.ts";
import { isWhole } from "./deploy-site.ts";
import { onDroplet } from "./deploy-suite.ts";
import { badHosts, badWords } from "./deploy-words.ts";
import { engineOrSkip } from "./engine.ts";
import { inLong } from "./long.ts";

onDroplet("deploys to a droplet", await engineOrSkip(), (site) => {
  it("replaces a polite application again and again, with nginx's own files and nginx itself, and loses nothing", async () => {
    await isWhole(site());
    await series(site(), "polite", inLong({ deploys: 4, handover: 4 }, { deploys: 2, handover: 2 }));
  });
  it("loses nothing of an application that does not mind SIGTERM", () =>
    series(site(), "plain", { deploys: 1 }));
  it("loses nothing of one that goes on until it is killed", async () => {
    await series(site(), "stubborn", { deploys: inLong(2, 1) });
    // What comes after is about other things, and need not wait for it.
    await site().setProduction(APPLICATIONS.polite);
  });

  badWords(site);
  badHosts(site);
  badReleases(site);
  rollbacks(site);
  sentImages(site);
  canaries(site);
});
