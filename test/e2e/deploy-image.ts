/** An image of this machine on the droplet, without a registry: `deploy --image NAME --send`. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { counted, expectNoneLost } from "./deploy-series.ts";
import { type DeploySite, isWhole } from "./deploy-site.ts";

export function sentImages(site: () => DeploySite): void {
  it("brings an image of this machine, then what differs alone, and goes back without bringing anything", async () => {
    const file = join(site().stack, "stack.yaml");
    const words = await readFile(file, "utf8");
    const name = `plimsoll-test/${site().container}`;
    const app = join(site().stack, "app");
    const build = async (tag: string) => {
      await site().setRelease(tag);
      await execa("docker", [
        "build",
        "--quiet",
        "--file",
        join(app, "Dockerfile.debian"),
        "--tag",
        `${name}:${tag}`,
        app,
      ]);
    };
    const deploy = (tag: string) =>
      site().run(["deploy", "production", "--yes", "--image", `${name}:${tag}`, "--send"]);
    try {
      const refused = await deploy("one");
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain("api.image in place of api.build");

      await writeFile(file, words.replace(/^ {2}build: .*$/m, `  image: ${name}:none`));
      const missing = await deploy("one");
      expect(missing.exitCode, missing.stderr).toBe(2);
      expect(missing.stderr).toContain(`${name}:one`);

      await build("one");
      await build("two");
      const { counts } = await counted(site(), async () => {
        const first = await deploy("one");
        expect(first.exitCode, first.stderr).toBe(0);
        expect(first.stderr).toMatch(/sending \d+ of \d+ layers/);
        expect(await site().answers()).toEqual({ status: "200", release: "one" });
        const before = await site().current();
        const second = await deploy("two");
        expect(second.exitCode, second.stderr).toBe(0);
        // The last layer of its Dockerfile.
        expect(second.stderr).toMatch(/sending 1 of \d+ layers/);
        expect(await site().answers()).toEqual({ status: "200", release: "two" });
        const back = await site().must(["rollback", "production", before, "--yes"]);
        expect(back.stderr).not.toContain("sending");
        expect(await site().answers()).toEqual({ status: "200", release: "one" });
      });
      expectNoneLost(counts);
      await isWhole(site());
    } finally {
      await writeFile(file, words);
      await execa("docker", ["image", "rm", `${name}:one`, `${name}:two`], { reject: false });
    }
    // The image that was named is no word against the stack's own build.
    await site().setRelease("built-again");
    await site().deploy();
    expect(await site().answers()).toEqual({ status: "200", release: "built-again" });
  });
}
