/** A droplet with a first release, for a file of tests; what failed is told with the host's own words. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed } from "vitest";
import type { Engine } from "../../operator/engine/find.ts";
import { type DeploySite, openDeploySite, STATE } from "./deploy-site.ts";

export function onDroplet(
  title: string,
  engine: Engine | undefined,
  tests: (site: () => DeploySite) => void,
): void {
  describe.skipIf(!engine)(title, () => {
    let site: DeploySite;
    beforeAll(async () => {
      site = await openDeploySite("deploy");
      const { stderr } = await site.deploy("--images", "debian");
      expect(stderr).toMatch(/v1 is current after/);
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
    tests(() => site);
  });
}
