/** What comes between: clients and engines that end, connections that break, reboots, a Docker that is away, full disks. */
import { clientsAndConnections, dockerAndDisk, enginesThatEnd, twoAndReboot } from "./deploy-faults.ts";
import { onDroplet } from "./deploy-suite.ts";
import { engineOrSkip } from "./engine.ts";

onDroplet("deploys that are interrupted", await engineOrSkip(), (site) => {
  clientsAndConnections(site, ["images", "roll api-2"]);
  twoAndReboot(site);
  enginesThatEnd(site);
  dockerAndDisk(site);
});
