/** Back again, by a person's word or by the watch on a canary. */
import { describe, expect, it } from "vitest";
import { counted, expectNoneLost, newContent } from "./deploy-series.ts";
import { type DeploySite, isWhole, LIVE, STATE } from "./deploy-site.ts";

/** Sums of all files, as one text. */
async function sums(site: DeploySite, folder: string): Promise<string> {
  return await site.exec(`cd ${folder} && find . -type f -print0 | sort -z | xargs -0 sha256sum`);
}

async function servers(site: DeploySite, question: string): Promise<string[]> {
  const ids = Object.entries(await site.containers()).flatMap(([name, id]) =>
    /^api-\d+$/.test(name) ? id : [],
  );
  expect(ids).toHaveLength(site.servers);
  const list = await site.exec(`for id in ${ids.join(" ")}; do ${question}; done`);
  return [...new Set(list.trim().split("\n"))];
}

const images = (site: DeploySite) => servers(site, "docker inspect --format '{{.Config.Image}}' $id");
const tokens = (site: DeploySite) => servers(site, "docker exec $id node -p process.env.TOKEN");

export function rollbacks(site: () => DeploySite): void {
  it("goes back to an older release, byte for byte, with its image and its secrets, and forth again", async () => {
    const secret = (input: string) =>
      site().must(["secrets", "production", "set", "TOKEN", "--stdin", "--yes"], { input });
    await site().setProduction({ "api.secrets": { TOKEN: "supply" } });
    await secret("first-value");
    const old = await newContent(site());
    await site().deploy("--message", "with a secret");
    const to = await site().current();
    const oldImages = await images(site());
    expect(oldImages).toHaveLength(1);
    expect(await tokens(site())).toEqual(["first-value"]);

    await secret("second-value");
    const fresh = await newContent(site());
    await site().setProduction({ "nginx.body": "33MB" });
    await site().deploy();
    const from = await site().current();
    expect(await images(site())).not.toEqual(oldImages);
    expect(await tokens(site())).toEqual(["second-value"]);
    expect(await sums(site(), LIVE)).toBe(await sums(site(), `${STATE}/releases/${from}/files`));

    const { counts } = await counted(site(), async () => {
      const { stderr } = await site().must([
        "rollback",
        "production",
        to,
        "--yes",
        "--message",
        "it was better",
      ]);
      const version = await site().current();
      expect(stderr).toMatch(`${version} (${to} again) is current`);
      expect(stderr).toMatch(`Undo it: plimsoll rollback production ${from}`);
      expect(stderr).not.toContain("first-value");
      expect(await site().answers()).toEqual({ status: "200", release: old });
      expect(await images(site())).toEqual(oldImages);
      expect(await tokens(site())).toEqual(["first-value"]);
      expect(await sums(site(), LIVE)).toBe(await sums(site(), `${STATE}/releases/${to}/files`));
      expect(await sums(site(), LIVE)).toBe(await sums(site(), `${STATE}/releases/${version}/files`));
      expect(await site().release(version)).toMatchObject({
        kind: "rollback",
        of: to,
        from,
        message: "it was better",
      });
      await isWhole(site());

      await site().must(["rollback", "production", from, "--yes"]);
      expect(await site().answers()).toEqual({ status: "200", release: fresh });
      expect(await tokens(site())).toEqual(["second-value"]);
      expect(await sums(site(), LIVE)).toBe(await sums(site(), `${STATE}/releases/${from}/files`));
    });
    expectNoneLost(counts);
    // Values are where they belong, and nowhere else.
    const { stdout } = await site().attempt(
      `grep -rlE 'first-value|second-value' ${STATE} | grep -v '/secrets' ; grep -lE 'first-value|second-value' /srv/plimsoll/*/generated/*/* 2>/dev/null`,
    );
    expect(stdout).toBe("");
  });
}

export function canaries(site: () => DeploySite): void {
  describe("a canary", () => {
    const words = {
      "canary.share": "10%",
      "canary.for": "8s",
      "rollback.window": "4s",
      "rollback.samples": 5,
    };

    it("gets its share, is found good and takes over", async () => {
      await site().setProduction(words);
      const before = (await site().answers()).release;
      const name = await newContent(site());
      const version = await site().next();
      const { counts } = await counted(site(), async () => {
        const { stderr } = await site().must(["canary", "start", "production", "--yes"]);
        expect(stderr).toMatch(/10\.0% of the requests for 8 s/);
      });
      expect(await site().stateOf(version)).toBe("current");
      expect(await site().answers()).toEqual({ status: "200", release: name });
      console.log(`canary promoted: ${JSON.stringify(counts.byRelease)}, ${counts.lost} lost`);
      expect(counts.byRelease[before]).toBeGreaterThan(0);
      expectNoneLost(counts);
      await isWhole(site());
    });

    it("that answers errors is rolled back by the host itself, with nobody there", async () => {
      const was = await site().answers();
      const current = await site().current();
      const containers = await site().containers();
      await newContent(site());
      await site().setProduction({ ...words, "api.environment": { ERRORS: "0.3" }, "canary.for": "1m" });
      const version = await site().next();
      const { counts } = await counted(site(), async () => {
        const client = site().begin(["canary", "start", "production", "--yes"]);
        await site().begun(version, "canary");
        client.kill("SIGKILL");
        await client;
        await site().settled(version);
      });
      await site().setProduction({ "api.environment": undefined });
      const release = await site().release(version);
      console.log(
        `canary rolled back: ${release.reason}; ${counts.sent} requests, ${JSON.stringify(counts.kinds)}`,
      );
      expect([release.state, release.reason]).toEqual(["rolled-back", expect.stringMatching(/%/)]);
      // The application's own answers, in the canary's share alone; nothing was cut off.
      expect(Object.keys(counts.kinds)).toEqual(["500"]);
      expect(counts.lost).toBeLessThan(counts.sent * 0.1);
      expect(await site().current()).toBe(current);
      expect(await site().answers()).toEqual(was);
      expect(await site().containers()).toEqual(containers);
      await isWhole(site());
    });
  });
}
