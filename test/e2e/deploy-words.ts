/** Bad hosts and bad words: an answer that says what is wrong, exit code 1 or 2, and nothing was changed. */
import { existsSync } from "node:fs";
import { appendFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newContent } from "./deploy-series.ts";
import { type DeploySite, LIVE, STATE } from "./deploy-site.ts";
import { startDroplet } from "./droplet.ts";
import { each } from "./each.ts";
import { inLong, inLongIt } from "./long.ts";

const ENVIRONMENT = "production";

/** Every command on an environment, with what must stand beside it. */
const COMMANDS: readonly (readonly string[])[] = [
  ["deploy", ENVIRONMENT],
  ["canary", "start", ENVIRONMENT],
  ["canary", "promote", ENVIRONMENT],
  ["releases", ENVIRONMENT],
  ["release", ENVIRONMENT, "v1"],
  ["rollback", ENVIRONMENT, "v1"],
  ["ps", ENVIRONMENT],
  ["logs", ENVIRONMENT, "api-1"],
  ["exec", ENVIRONMENT, "api-1", "true"],
  ["run", ENVIRONMENT, "true"],
  ["psql", ENVIRONMENT],
  ["redis", ENVIRONMENT],
  ["maintenance", ENVIRONMENT, "on"],
  ["open", ENVIRONMENT, "api-1"],
  ["restart", ENVIRONMENT, "api-1"],
  ["scale", ENVIRONMENT, "api=2"],
  ["config", ENVIRONMENT, "get", "NAME"],
  ["secrets", ENVIRONMENT, "show", "TOKEN"],
  ["lock", ENVIRONMENT],
  ["unlock", ENVIRONMENT],
  ["audit", ENVIRONMENT],
  ["migrate", ENVIRONMENT, "up"],
];

/** Would each leave a file behind, if a shell here or there read it. */
const hostile = (files: string) => [
  `$(touch ${files});touch ${files};#`,
  `';touch ${files};'";touch ${files};"`,
  `-$(touch ${files})`,
  "../../v1",
];

/** A port that counts who comes. */
async function listener() {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  return { port, count: () => count, close: () => server.close() };
}

export function badHosts(site: () => DeploySite): void {
  describe("a host that it cannot be", () => {
    const deploy = (host: string, environment = {}) =>
      site().run(["deploy", "production", "--yes", "--host", host], { environment });
    const refuses = async (host: string, words: RegExp, code = 1) => {
      const { exitCode, stderr } = await deploy(host);
      expect([host, exitCode, stderr]).toEqual([host, code, expect.stringMatching(words)]);
    };

    it("is told by its key, its user, its name, or a port where nobody answers", async () => {
      const { address, keyFile } = site().droplet;
      const other = join(site().folder, "other_hosts");
      // The right kind of key, of another machine.
      await writeFile(
        other,
        `${address} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n`,
      );
      const entry = (name: string, lines: readonly string[]) =>
        [`Host ${name}`, ...lines.map((line) => `  ${line}`), ""].join("\n");
      await site().appendConfig(
        [
          entry("otherkey", [
            `HostName ${address}`,
            "User deploy",
            `IdentityFile ${keyFile}`,
            `UserKnownHostsFile ${other}`,
          ]),
          entry("deadport", ["HostName 127.0.0.1", "Port 9", "User deploy"]),
        ].join(""),
      );
      await refuses("otherkey", /the key of otherkey is not the one it had before: nothing was sent/);
      await refuses(`nobody@${address}`, /does not let us in as nobody/);
      await refuses("no-such-host.invalid", /there is no host named no-such-host\.invalid/);
      await refuses("deadport", /refuses connections on port 9/);
    });

    it("has no Docker, or Docker without a Compose that will do", async () => {
      const fresh = await startDroplet({ name: "fresh", engine: false });
      try {
        const { exitCode, stderr } = await site().run(["deploy", "production", "--yes"], {
          environment: { PLIMSOLL_SSH_CONFIG: fresh.sshConfig },
        });
        expect([exitCode, stderr]).toEqual([
          1,
          expect.stringMatching(/nothing was changed[\s\S]*it has no Docker[\s\S]*plimsoll host init/),
        ]);
        expect((await fresh.attempt("ls -A /srv/plimsoll/*/state/releases")).stdout).toBe("");
      } finally {
        await fresh.stop();
      }
      // Where nothing differs, nothing is asked for either.
      await newContent(site());
      // A person's own plugins come before the system's.
      const plugin = "/home/deploy/.docker/cli-plugins/docker-compose";
      const metadata = JSON.stringify({ SchemaVersion: "0.1.0", Vendor: "test", Version: "v2.5.0" });
      await site().exec(`install -D -m 755 /dev/stdin ${plugin} && chown -R deploy: /home/deploy/.docker`, {
        input: `#!/bin/sh\ncase $1 in docker-cli-plugin-metadata) echo '${metadata}' ;; *) echo 2.5.0 ;; esac\n`,
      });
      try {
        await refuses("droplet", /nothing was changed[\s\S]*its Compose is 2\.5\.0; .* or newer is needed/);
      } finally {
        await site().exec("rm -r /home/deploy/.docker");
      }
    });

    it("is too small", async () => {
      await site().setProduction({ machine: { cpus: 64, memory: "512GB", disk: "20GB" } });
      try {
        await refuses("droplet", /nothing was changed[\s\S]*memory/);
      } finally {
        await site().setProduction({ machine: { cpus: 2, memory: "2GB", disk: "20GB" } });
      }
    });
  });
}

export function badWords(site: () => DeploySite): void {
  it("helps with every command without acting, and without a connection", async () => {
    const trap = await listener();
    try {
      const config = join(site().folder, "trapped");
      await writeFile(config, `Host *\n  HostName 127.0.0.1\n  Port ${trap.port}\n`);
      // exec and run hand on what follows their own words: there it stands before them.
      const calls = COMMANDS.flatMap(([command = "", ...rest]) => [
        [command, "--help", ...rest],
        ...(/^(exec|run)$/.test(command) ? [] : [[command, ...rest, "--help"]]),
      ]);
      await each(calls, async (words) => {
        const { exitCode, stdout } = await site().run(words, {
          environment: { PLIMSOLL_SSH_CONFIG: config },
        });
        expect([words, exitCode, stdout]).toEqual([words, 0, expect.stringMatching(/^Usage: plimsoll/)]);
      });
      expect(trap.count()).toBe(0);
    } finally {
      trap.close();
    }
  });

  it("lets no word of a person reach a shell, here or there", async () => {
    const here = join(site().folder, "touched");
    const releases = async () =>
      (await site().attempt(`ls ${STATE}/releases; cat ${LIVE}/compose.yaml`)).stdout;
    const was = { releases: await releases(), containers: await site().containers() };
    const there = "/tmp/touched";
    const all = hostile(`${here} ${there}`);
    const calls = COMMANDS.flatMap((words, turn) =>
      words
        .slice(1)
        .flatMap((_, at) =>
          inLong(all, [all[turn % all.length] as string]).map((bad) =>
            words.map((word, index) => (index === at + 1 ? bad : word)),
          ),
        ),
    )
      // What is run in a container is the person's own, whatever it is.
      .filter(([command, , service]) => command !== "run" && !(command === "exec" && service === "api-1"));
    await each(calls, async (words) => {
      const { exitCode, stderr } = await site().run(words);
      expect([words, exitCode, stderr]).toEqual([
        words,
        expect.toBeOneOf([1, 2]),
        expect.stringMatching(/\S/),
      ]);
    });
    console.log(`${calls.length} calls with words for a shell`);
    expect(existsSync(here)).toBe(false);
    expect((await site().attempt(`ls ${here} ${there}`)).stdout).toBe("");
    expect({ releases: await releases(), containers: await site().containers() }).toEqual(was);
  });

  // operate.test.ts takes such words, too.
  inLongIt("takes such words as text where text is meant", async () => {
    const text = `; touch /tmp/touched # $(touch /tmp/touched) 'one' "two" \`touch /tmp/touched\` ü`;
    await site().must(["config", "production", "set", `NOTE=${text}`, "--yes"]);
    expect(await site().exec(`docker exec rolling-production-api-1-1 node -p process.env.NOTE`)).toBe(text);
    await appendFile(join(site().stack, "app/release"), "\n");
    await site().deploy("--message", text);
    const version = await site().current();
    expect(await site().release(version)).toMatchObject({ message: text });
    await site().must(["config", "production", "unset", "NOTE", "--yes"]);
    expect((await site().attempt("ls /tmp/touched")).stdout).toBe("");
  });
}
