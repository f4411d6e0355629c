/** Faults in the middle of a deploy: what served goes on, the history says what became of it, the next one succeeds. */
import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { counted, expectNoneLost, newContent } from "./deploy-series.ts";
import { type DeploySite, isWhole, STATE } from "./deploy-site.ts";
import { inLongIt } from "./long.ts";
import { startRelay } from "./relay.ts";
import { eventually } from "./wait.ts";

type Before = { version: string; release: string; containers: Record<string, string> };

async function before(site: DeploySite): Promise<Before> {
  const { release } = await site.answers();
  return { version: await site.current(), release, containers: await site.containers() };
}

/** As if nothing had happened: the same release, the same containers, all at their weights. */
async function stillServes(site: DeploySite, was: Before): Promise<void> {
  expect(await site.current()).toBe(was.version);
  expect(await site.answers()).toEqual({ status: "200", release: was.release });
  expect(await site.containers()).toEqual(was.containers);
}

async function goesOn(site: DeploySite): Promise<void> {
  const name = await newContent(site);
  await site.deploy();
  expect(await site.answers()).toEqual({ status: "200", release: name });
  await isWhole(site);
}

/** It comes to nothing: with these words here and in the history, and nothing that serves is touched. */
async function comesToNothing(site: DeploySite, words: RegExp): Promise<void> {
  const [was, version] = [await before(site), await site.next()];
  const { exitCode, stderr } = await site.run(["deploy", "production", "--yes"]);
  expect([exitCode, stderr]).toEqual([1, expect.stringMatching(words)]);
  const release = await site.release(version);
  expect([release.state, release.reason]).toEqual(["failed", expect.stringMatching(words)]);
  await stillServes(site, was);
}

export function clientsAndConnections(site: () => DeploySite, steps: readonly string[]): void {
  describe("a client that is gone", () => {
    it("is not needed: the engine goes on by itself, and can be attached to", async () => {
      for (const step of steps) {
        const name = await newContent(site());
        const version = await site().next();
        const { counts } = await counted(site(), async () => {
          const client = site().begin(["deploy", "production", "--yes"]);
          await site().begun(version, step);
          client.kill("SIGKILL");
          await client;
          const attached = await site().must(["deploy", "production", "--attach"]);
          expect(attached.stderr).toMatch(/is current|Nobody is at work/);
          await site().settled(version);
        });
        expect([step, await site().stateOf(version)]).toEqual([step, "current"]);
        expect(await site().answers()).toEqual({ status: "200", release: name });
        expectNoneLost(counts);
      }
      // Nor does its connection stay behind.
      await eventually(async () => {
        const { stdout } = await execa("ps", ["-eo", "args"]);
        expect(
          stdout.split("\n").filter((line) => /^ssh /.test(line) && line.includes(site().droplet.sshConfig)),
        ).toEqual([]);
      });
      await isWhole(site());
    });

    it("loses its connection while it sends, or while it follows", async () => {
      const { address, keyFile, knownHosts } = site().droplet;
      const relay = await startRelay({ host: address, port: 22 });
      await site().appendConfig(
        [
          ...["Host relayed", "  HostName 127.0.0.1", `  Port ${relay.port}`, `  HostKeyAlias ${address}`],
          ...["  User deploy", `  IdentityFile ${keyFile}`, "  IdentitiesOnly yes"],
          ...[`  UserKnownHostsFile ${knownHosts}`, "  GlobalKnownHostsFile /dev/null", ""],
        ].join("\n"),
      );
      const far = ["deploy", "production", "--yes", "--host", "relayed"];
      try {
        // What is on its way can be cut only where there is a lot of it, and it does not pack.
        await writeFile(join(site().stack, "app/release.pad"), randomBytes(24 * 1024 * 1024));
        const was = await before(site());
        const version = await site().next();
        relay.reset();
        const sending = site().begin(far);
        while (relay.figures().sent < 4 * 1024 * 1024) await new Promise((later) => setTimeout(later, 2));
        relay.cut();
        const { exitCode, stderr } = await sending;
        expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/connection/i)]);
        await stillServes(site(), was);
        expect(await site().next()).toBe(version);
        await rm(join(site().stack, "app/release.pad"));

        const name = await newContent(site());
        const following = site().begin(far);
        await site().begun(version, "roll api-1");
        relay.cut();
        const broken = await following;
        expect([broken.exitCode, broken.stderr]).toEqual([1, expect.stringMatching(/connection/i)]);
        await site().settled(version);
        expect(await site().stateOf(version)).toBe("current");
        expect(await site().answers()).toEqual({ status: "200", release: name });
      } finally {
        await rm(join(site().stack, "app/release.pad"), { force: true });
        await relay.stop();
      }
    });
  });
}

export function badReleases(site: () => DeploySite, { unready = false } = {}): void {
  describe("a release that is no good", () => {
    let kept: { stack: string; docker: string };
    const file = (path: string) => join(site().stack, path);
    beforeEach(async () => {
      kept = {
        stack: await readFile(file("stack.yaml"), "utf8"),
        docker: await readFile(file("app/Dockerfile.debian"), "utf8"),
      };
    });
    afterEach(async () => {
      await writeFile(file("stack.yaml"), kept.stack);
      await writeFile(file("app/Dockerfile.debian"), kept.docker);
    });

    it("cannot be built", async () => {
      await writeFile(file("app/Dockerfile.debian"), `${kept.docker}RUN echo not today && exit 7\n`);
      await comesToNothing(site(), /cannot be built/);
    });

    // As in onhost.test.ts.
    inLongIt("ends as soon as it starts", async () => {
      await site().setProduction({ "api.environment": { CRASH: "1" } });
      await comesToNothing(site(), /api-spare ends as soon as it starts, exit code 1/);
    });

    it("has a migration that fails", async () => {
      await site().setProduction({
        "api.migrate": { up: ["node", "-e", "console.error('no such column'); process.exit(3)"] },
      });
      await comesToNothing(site(), /migrate/);
    });

    // Two minutes: in no run but the long series, and so skipped in none.
    if (unready)
      it("never gets ready", async () => {
        await site().setProduction({ "api.environment": { UNREADY: "1" } });
        await comesToNothing(site(), /\/ready was not 200 within/);
      });
  });

  it("goes on after releases that failed", () => goesOn(site()));
}

/** The new version's spare runs and never gets ready: the engine is in the middle of it for two minutes. */
async function inTheMiddle(site: DeploySite, action: (version: string) => Promise<void>): Promise<string> {
  await site.setProduction({ "api.environment": { UNREADY: "1" } });
  const version = await site.next();
  const client = site.begin(["deploy", "production", "--yes"]);
  try {
    await site.begun(version, "spare");
    await eventually(async () => expect(Object.keys(await site.containers())).toContain("api-spare"));
    await action(version);
  } finally {
    client.kill("SIGKILL");
    await client;
    await site.setProduction({ "api.environment": undefined });
  }
  return version;
}

export function twoAndReboot(site: () => DeploySite): void {
  it("refuses a second deploy meanwhile; and a reboot in the middle is taken back by the next one", async () => {
    const was = await before(site());
    const version = await inTheMiddle(site(), async (version) => {
      const second = await site().run(["deploy", "production", "--yes"]);
      expect([second.exitCode, second.stderr]).toEqual([
        1,
        expect.stringMatching(new RegExp(`${version} is being put in place by .* --attach`, "s")),
      ]);
      const back = await site().run(["rollback", "production", "--yes"]);
      expect([back.exitCode, back.stderr]).toEqual([
        1,
        expect.stringMatching(`${version} is being put in place`),
      ]);
      await site().droplet.reboot();
    });
    await eventually(async () => {
      expect(await site().answers()).toEqual({ status: "200", release: was.release });
    }, 120);
    expect(await site().current()).toBe(was.version);
    expect((await site().releases()).find((one) => one.version === version)?.state).toMatch(
      /running|interrupted/,
    );
    await goesOn(site());
    const release = await site().release(version);
    expect([release.state, release.reason]).toEqual(["failed", expect.stringMatching(/^interrupted/)]);
  });
}

export function enginesThatEnd(site: () => DeploySite): void {
  // onhost.test.ts has the same beside itself, without ssh in between.
  inLongIt(
    "brings back what an engine that was killed on the host left half done, and loses nothing by it",
    async () => {
      const was = await before(site());
      const version = await site().next();
      await newContent(site());
      const { counts } = await counted(site(), async () => {
        const client = site().begin(["deploy", "production", "--yes"]);
        await site().begun(version, "roll api-2");
        // Both halves of it at once: nobody is left to clean up. The pattern does not find the shell that asks.
        await site().exec(
          `kill -KILL $(grep -al 'state/onhos[t]/deploy.bash' /proc/[0-9]*/cmdline | cut -d/ -f3)`,
        );
        const { exitCode, stderr } = await client;
        expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/nobody is at work on/)]);
        expect(await site().current()).toBe(was.version);
        expect((await site().attempt(`test -s ${STATE}/work && test -e ${STATE}/work.lock`)).exitCode).toBe(
          0,
        );
        await goesOn(site());
      });
      expectNoneLost(counts);
      const release = await site().release(version);
      expect([release.state, release.reason]).toEqual(["failed", expect.stringMatching(/^interrupted/)]);
    },
  );

  it("is refused while the environment is locked, and not by a lock whose time is over", async () => {
    onTestFinished(async () => void (await site().run(["unlock", "production"])));
    const was = await before(site());
    const lock = (time: string) =>
      site().must(["lock", "production", "--reason", "$(touch /tmp/gone); \"fair\" 'week'", "--for", time]);
    await lock("1h");
    await newContent(site());
    const { exitCode, stderr } = await site().run(["deploy", "production", "--yes"]);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/locked by .*\$\(touch \/tmp\/gone\); "fair" 'week'/),
    ]);
    await stillServes(site(), was);
    await lock("1s");
    await new Promise((later) => setTimeout(later, 2000));
    await goesOn(site());
  });
}

export function dockerAndDisk(site: () => DeploySite): void {
  // onhost.test.ts has an engine that is away for a while.
  inLongIt("waits for a Docker engine that is restarted in the middle", async () => {
    const version = await site().next();
    const name = await newContent(site());
    const live = (await site().attempt("docker info --format '{{.LiveRestoreEnabled}}'")).stdout.trim();
    const { value, counts } = await counted(site(), async () => {
      const client = site().begin(["deploy", "production", "--yes"]);
      await site().begun(version, "roll api-1");
      await site().exec("systemctl restart docker");
      return await client;
    });
    await site().settled(version);
    console.log(
      `Docker restarted in the middle (live-restore ${live}): ${version} ${await site().stateOf(version)}, ` +
        `${counts.sent} requests, ${counts.lost} lost ${JSON.stringify(counts.kinds)}, pause ${counts.gap} ms`,
    );
    const done = value.exitCode === 0;
    expect(await site().stateOf(version), String(value.stderr)).toBe(done ? "current" : "failed");
    await eventually(async () => {
      const { status, release } = await site().answers();
      expect([status, release === name]).toEqual(["200", done]);
    });
    await goesOn(site());
  });

  it("is refused before anything is sent where the disk is full; one that gets full in the middle costs no request", async () => {
    // The state on a disk of its own, so that it can be filled.
    await site().exec(
      `mkdir /srv/small && mount -t tmpfs -o size=800m,mode=0755 none /srv/small && cp -a ${STATE} /srv/small/state &&
       mount --bind /srv/small/state ${STATE}`,
    );
    const fill = (left: number) =>
      site().attempt(
        `rm -f ${STATE}/fill; free=$(df --output=avail -m ${STATE} | tail -n 1); head -c $((free - ${left}))M /dev/zero >${STATE}/fill`,
      );
    try {
      const was = await before(site());
      const version = await site().next();
      await newContent(site());
      await fill(100);
      const refused = await site().run(["deploy", "production", "--yes"]);
      expect([refused.exitCode, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/MB are free in .*nothing was changed|nothing was changed.*MB are free in/s),
      ]);
      expect(await site().next()).toBe(version);
      await site().exec(`rm ${STATE}/fill`);
      const { value, counts } = await counted(site(), async () => {
        const client = site().begin(["deploy", "production", "--yes"]);
        await site().begun(version, "spare");
        await fill(-10);
        return await client;
      });
      console.log(
        `full in the middle: ${value.exitCode} ${String(value.stderr).split("\n").slice(-4).join(" | ")}`,
      );
      expectNoneLost(counts);
      const { status, release } = await site().answers();
      expect(status).toBe("200");
      if ((await site().current()) === was.version) expect(release).toBe(was.release);
      await site().exec(`rm -f ${STATE}/fill`);
      await goesOn(site());
    } finally {
      await site().exec(
        `rm -f ${STATE}/fill; umount ${STATE}; rm -rf ${STATE}.old; mv ${STATE} ${STATE}.old && cp -a /srv/small/state ${STATE}; umount /srv/small; rmdir /srv/small`,
      );
    }
  });
}
