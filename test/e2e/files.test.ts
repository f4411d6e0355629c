/** What is not PostgreSQL on a real stack: lost and brought back, proven, and noticed where it is not good. */

import { resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backups, Files } from "../../operator/database/backups.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

describe.skipIf(!engine)("files", () => {
  let stack: RunningStack;
  let cli: Cli;
  let volume = "";

  beforeAll(async () => {
    stack = await startStack({
      name: "files",
      from: resolve("test/deploy/stack"),
      overrides: {
        "api.servers": 1,
        redis: {},
        // Not by itself, while the tests do it.
        backup: { schedule: "0 0 1 1 *", verify: "0 0 1 1 *" },
      },
    });
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
    volume = `${stack.project}_redis-sessions`;
  });
  afterAll(() => stack?.stop());

  const inSidecar = (script: string) => stack.exec("backup-files", ["bash", "-c", script]);
  const redis = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await cli.run("redis", ["sessions", "--", ...words]);
    expect(exitCode, stderr).toBe(0);
    return stdout.trim();
  };
  /** As the service's own user, in its volume. */
  const inVolume = async (script: string) => {
    const image = (await execa("docker", ["compose", "-p", stack.project, "images", "-q", "backup-files"]))
      .stdout;
    return (
      await execa("docker", [
        ...["run", "--rm", "--network", "none", "--user", "999:999", "--volume", `${volume}:/v`],
        ...["--entrypoint", "bash", image.trim(), "-euc", script],
      ])
    ).stdout;
  };
  // What the commands do for files, without PostgreSQL's part of it.
  const now = () => inSidecar("plimsoll-backup-files now");
  const verify = async () =>
    (await stack.compose("exec", "-T", "backup-files", "plimsoll-backup-files", "verify-now")).exitCode;
  const restore = (...words: string[]) =>
    cli.run("restore", ["--files", "redis-sessions", "--confirm", "rolling", ...words]);
  const files = async () => {
    const { exitCode, stdout, stderr } = await cli.run("backup", ["list", "--json"]);
    expect(exitCode, stderr).toBe(0);
    return (JSON.parse(stdout) as Backups).files as Files;
  };
  const figure = async (name: string) => {
    const text = await inSidecar("cat /metrics/backup-files-verified.prom");
    return new RegExp(`^plimsoll_backup_verify_${name}\\{what="files"\\} (\\S+)$`, "m").exec(text)?.[1];
  };

  it("brings sessions back, and a database of SQLite that was written to; and takes it back once", async () => {
    await redis("set", "session:1", "learner");
    // What Grafana keeps: a database with a log of its own, open while it is copied.
    await inVolume(
      `sqlite3 /v/stand-in.db "pragma journal_mode = wal; create table board (n int); insert into board values (1), (2)"`,
    );
    await now();
    await redis("flushall");
    await redis("set", "session:2", "later");
    await inVolume(`sqlite3 /v/stand-in.db "delete from board; vacuum"`);
    const before = await inVolume("stat -c '%u:%g %a' /v/stand-in.db /v/appendonlydir");

    const restored = await restore();
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(restored.stderr).toMatch(/^Restored: redis-sessions as it was on 20\S+Z \([0-9a-f]{8}\)/m);
    expect(await redis("get", "session:1")).toBe("learner");
    expect(await redis("exists", "session:2")).toBe("0");
    expect(await inVolume("sqlite3 /v/stand-in.db 'select count(*) from board'")).toBe("2");
    expect(await inVolume("stat -c '%u:%g %a' /v/stand-in.db /v/appendonlydir")).toBe(before);

    const undone = await restore("--to", "undo");
    expect(undone.exitCode, undone.stderr).toBe(0);
    expect(await redis("get", "session:2")).toBe("later");
    expect(await redis("exists", "session:1")).toBe("0");
    const { stdout } = await cli.run("audit", ["-n", "10"]);
    expect(stdout.match(/restore {2}redis-sessions as it was .*done$/gm)).toHaveLength(2);
    // What is kept for the undo is no part of the next backup.
    await now();
    const snapshot = (await files()).snapshots.at(-1)?.short;
    expect(await inSidecar(`restic --no-cache ls ${snapshot}`)).not.toContain(".plimsoll-");
  });

  it("goes to a moment, and says what there is not", async () => {
    const [first] = (await files()).snapshots.filter(({ what }) => what === "redis-sessions");
    const at = new Date(((first?.time ?? 0) + 1) * 1000).toISOString();
    const refused = async (...words: string[]) => {
      const { exitCode, stderr } = await cli.run("restore", words);
      expect(exitCode, stderr).toBe(2);
      return stderr;
    };
    expect(await refused("--files", "redis-session", "--confirm", "rolling")).toMatch(/redis-sessions/);
    expect(await refused("--files", "redis-sessions")).toMatch(/--confirm rolling/);
    expect(
      await refused("--files", "redis-sessions", "--to", "2020-01-01 00:00Z", "--confirm", "rolling"),
    ).toMatch(/there is no backup of redis-sessions for/);
    expect(
      await refused("--files", "redis-sessions", "--to", "2026-01-01 00:00", "--confirm", "rolling"),
    ).toMatch(/zone/);
    expect(await redis("get", "session:2")).toBe("later");
    expect((await restore("--to", at)).exitCode).toBe(0);
    // The first one, from before there was any session.
    expect(await redis("dbsize")).toBe("0");
  });

  it("goes on with a restore that was killed between two of its renames", async () => {
    const image = (await execa("docker", ["compose", "-p", stack.project, "images", "-q", "backup-files"]))
      .stdout;
    await stack.compose("stop", "redis-sessions");
    // The old content is aside, the new one half in place.
    await execa("docker", [
      ...[
        "run",
        "--rm",
        "--user",
        "0:0",
        "--volume",
        `${volume}:/v`,
        "--entrypoint",
        "bash",
        image.trim(),
        "-euc",
      ],
      "cd /v; rm -rf .plimsoll-before; mkdir .plimsoll-new .plimsoll-before.part; mv appendonlydir .plimsoll-before.part; touch stray",
    ]);
    await stack.compose("start", "redis-sessions");
    const restored = await restore();
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(restored.stderr).toContain("an earlier restore was cut short");
    expect(await redis("get", "session:2")).toBe("later");
    expect((await inVolume("ls -A /v")).split("\n").filter((name) => name.startsWith(".plimsoll-"))).toEqual([
      ".plimsoll-before",
    ]);
  });

  it("brings back a volume that was lost whole", async () => {
    await redis("set", "session:3", "kept");
    await now();
    await stack.compose("rm", "--stop", "--force", "redis-sessions", "backup-files");
    await execa("docker", ["volume", "rm", volume]);
    await stack.start();
    expect(await redis("exists", "session:3")).toBe("0");
    // A first backup of the empty one may have been made by now.
    const kept = (await files()).snapshots.filter(({ what }) => what === "redis-sessions");
    let found = "";
    for (const { short } of kept.reverse()) {
      expect((await restore("--to", short)).exitCode).toBe(0);
      found = await redis("get", "session:3");
      if (found !== "") break;
    }
    expect(found).toBe("kept");
  });

  it("verifies all that is kept, and notices a pack with a wrong byte in it", async () => {
    const good = await cli.run("backup", ["verify"]);
    expect(good.exitCode, good.stderr).toBe(0);
    expect((await files()).verified).toMatchObject({ outcome: "passed", part: "all" });
    expect(await figure("last_run_failed")).toBe("0");
    expect((await cli.run("backup", ["list"])).stdout).toMatch(
      /^verified \d+\w ago: whole \(all of the data was read\)$/m,
    );

    await inSidecar(
      `file=$(find /repository/data -type f -size +1k | sort | head -n 1); chmod u+w "$file"; cp -p "$file" /tmp/whole
       dd if=/dev/urandom of="$file" bs=16 count=1 seek=8 conv=notrunc 2>/dev/null; echo "$file" >/tmp/damaged`,
    );
    expect(await verify()).toBe(1);
    expect((await files()).verified).toMatchObject({
      outcome: "failed",
      said: expect.stringMatching(/(?:tree|pack|blob).*: ./i),
    });
    expect(await figure("last_run_failed")).toBe("1");
    expect((await cli.run("backup", ["list"])).stdout).toMatch(/^NOT GOOD, verified \d+\w ago: /m);

    await inSidecar(`cat /tmp/whole >"$(cat /tmp/damaged)"`);
    expect(await verify()).toBe(0);
    expect(await figure("last_run_failed")).toBe("0");
  });
});
