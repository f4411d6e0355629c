/** The long series: twenty deploys in a row for each kind of application, and every fault with nothing left out. */
import { afterAll, beforeAll, describe, it } from "vitest";
import {
  badReleases,
  clientsAndConnections,
  dockerAndDisk,
  enginesThatEnd,
  twoAndReboot,
} from "../e2e/deploy-faults.ts";
import { APPLICATIONS, type Application, series } from "../e2e/deploy-series.ts";
import { type DeploySite, openDeploySite } from "../e2e/deploy-site.ts";
import { engineOrSkip } from "../e2e/engine.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("many deploys to a droplet", () => {
  let site: DeploySite;
  beforeAll(async () => {
    site = await openDeploySite("deploys");
    await site.deploy("--images", "debian");
  });
  afterAll(() => site?.close());

  it.each(Object.keys(APPLICATIONS) as Application[])(
    "twenty of the %s application lose nothing",
    (application) => series(site, application, { deploys: 20, handover: 10 }),
  );

  clientsAndConnections(
    () => site,
    ["images", "spare", "roll api-1", "roll api-2", "roll api-3", "nginx", "finish"],
  );
  badReleases(() => site, { unready: true });
  twoAndReboot(() => site);
  enginesThatEnd(() => site);
  dockerAndDisk(() => site);
});
