/** The repository off the host, on a real S3 server over TLS: both at once, the bucket alone, and what goes wrong. */
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backups, Files, Postgres } from "../../operator/database/backups.ts";
import type { Verification } from "../../operator/database/report.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { copyStack } from "./engine-words.ts";
import { inLongIt } from "./long.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { type S3, startS3 } from "./s3.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

const SIDECAR = "backup-postgres";
/** Nothing that a compression would leave as it is by chance: looked for in what lies in the bucket. */
const KNOWN = "plimsoll-known-plaintext-7f3a";

describe.skipIf(!engine)("a repository off the host", () => {
  let s3: S3;
  let stack: RunningStack;
  let cli: Cli;
  let from: string;
  const bucket = () => ({ endpoint: s3.endpoint, region: s3.region, bucket: s3.bucket, ca: "s3-ca.pem" });

  beforeAll(async () => {
    s3 = await startS3({ name: "repository" });
    from = await copyStack(resolve("stacks/fkod"), "e2e-repository-source");
    await copyFile(s3.ca, join(from, "s3-ca.pem"));
    stack = await startStack({
      name: "repository",
      from,
      cold: true,
      timeout: 600,
      overrides: {
        "api.servers": 1,
        processes: null,
        monitoring: false,
        logging: false,
        "nginx.rate": false,
        // Not by itself, while the tests do it.
        "backup.schedule": "0 0 1 1 *",
        "backup.verify": "0 0 1 1 *",
        "backup.repository": { s3: bucket(), local: true },
      },
    });
    await supply("backup_s3_key", s3.accessKey);
    await supply("backup_s3_secret", s3.secretKey);
    await stack.change({});
    await stack.start();
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
    await sql(`create table proof (n int primary key, filler text);
      insert into proof select n, '${KNOWN}' || n from generate_series(1, 20000) as n`);
  });
  afterAll(async () => {
    await stack?.stop();
    await s3?.stop();
    if (from) await rm(from, { recursive: true, force: true });
  });

  const supply = (name: string, value: string) =>
    writeFile(join(stack.stackFolder, "secrets/local", name), `${value}\n`);
  const inSidecar = (script: string) => stack.exec(SIDECAR, ["bash", "-c", script]);
  const sql = (statement: string, node = "postgres-1") =>
    stack.exec(node, ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db", "-XqAtc", statement]);
  const closeSegment = async (): Promise<string> => {
    await sql("create table if not exists noted (); comment on table noted is 'by the test'");
    return (await sql("select pg_walfile_name(pg_switch_wal())")).trim();
  };
  const archived = async (segment: string, seconds = 120) =>
    eventually(async () => {
      expect((await sql("select last_archived_wal from pg_stat_archiver")).trim() >= segment).toBe(true);
    }, seconds);
  const list = async () => {
    const { exitCode, stdout, stderr } = await cli.run("backup", ["list", "--json"]);
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout) as { postgres: Postgres & { error?: string }; files: Files } & Backups;
  };
  const verify = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await cli.run("backup", ["verify", ...words, "--json"]);
    return { exitCode, stderr, found: JSON.parse(stdout || "null") as Verification };
  };
  const figure = async (line: string) => {
    await inSidecar("plimsoll-backup metrics");
    const text = await inSidecar("cat /metrics/backup-postgres.prom");
    const value = text.split("\n").find((one) => one.startsWith(`${line} `));
    return value === undefined ? undefined : Number(value.split(" ").at(-1));
  };

  it("both at once: each has its own backups of everything, seen by itself", async () => {
    await eventually(async () => {
      const { postgres } = await list();
      expect(postgres.repositories?.map(({ kind, backups, fault }) => [kind, backups > 0, fault])).toEqual([
        ["local", true, null],
        ["s3", true, null],
      ]);
    }, 180);
    const { exitCode, stderr } = await cli.run("backup", ["now"]);
    expect(exitCode, stderr).toBe(0);
    // The replica is well: it is read, and the primary is only asked.
    expect(stderr).toMatch(/^backup of postgres-1 begins \(diff\) into local: read from postgres-2$/m);
    expect(stderr).toMatch(/^backup of postgres-1 begins \(diff\) into s3: read from postgres-2$/m);
    expect(stderr).toMatch(/INFO: replay on the standby reached/);
    const { postgres, files } = await list();
    for (const where of ["local", "s3"] as const) {
      expect(postgres.backups.filter(({ repository }) => repository === where).length, where).toBeGreaterThan(
        1,
      );
      expect(
        files.snapshots.some(({ repository, what }) => repository === where && what === "redis-sessions"),
      ).toBe(true);
      expect(await figure(`plimsoll_backup_repository_failed{what="postgres",repository="${where}"}`)).toBe(
        0,
      );
      expect(
        await figure(`plimsoll_backup_repository_bytes{what="postgres",repository="${where}"}`),
      ).toBeGreaterThan(1e6);
    }
    expect((await cli.run("backup", ["list"])).stdout).toMatch(/^s3: \d+ backups, the newest \d+[sm] old$/m);
  });

  it("what leaves the host is encrypted: no object holds what is known, and the volume does", async () => {
    await archived(await closeSegment());
    const objects = await s3.list();
    const all = objects.filter(({ key }) => /\/(postgres|files)\//.test(key));
    expect(all.some(({ key }) => key.includes("/postgres/archive/main/"))).toBe(true);
    expect(all.some(({ key }) => key.includes("/postgres/backup/main/"))).toBe(true);
    expect(all.some(({ key }) => key.includes("/files/data/"))).toBe(true);
    for (const { key } of all) {
      const text = (await s3.read(key)).toString("latin1");
      // zstd begins with its magic number where it is not encrypted, an info file with a section.
      expect(text.startsWith("\u0028\u00b5\u002f\u00fd"), key).toBe(false);
      expect(text.includes(KNOWN) || text.includes("[backrest]"), key).toBe(false);
    }
    expect(await inSidecar("grep -c backrest-format /var/lib/pgbackrest/backup/main/backup.info")).toMatch(
      /[1-9]/,
    );
  });

  inLongIt(
    "a key that expires in mid-run: the log waits, nothing is dropped, the volume goes on; then it catches up",
    async () => {
      await s3.key("expired");
      const waiting: string[] = [];
      for (let n = 0; n < 3; n++) waiting.push(await closeSegment());
      const { exitCode, stderr } = await cli.run("backup", ["now"]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/ExpiredToken/);
      const { postgres } = await list();
      const [local, remote] = postgres.repositories ?? [];
      expect(local?.fault).toBeNull();
      expect(remote?.fault).toMatch(/ExpiredToken/);
      const text = (await cli.run("backup", ["list"])).stdout;
      expect(text).toMatch(
        /^s3: the S3 service refuses the key: it is wrong, expired, or may not use the bucket/m,
      );
      expect(await figure('plimsoll_backup_repository_failed{what="postgres",repository="s3"}')).toBe(1);
      expect(await figure('plimsoll_backup_repository_failed{what="postgres",repository="local"}')).toBe(0);
      // What ArchiveWaits and ArchiveFillsDisk look at.
      expect(await figure("plimsoll_archive_waiting_segments")).toBeGreaterThanOrEqual(3);
      expect(await figure("plimsoll_archive_waiting_bytes")).toBeGreaterThanOrEqual(3 * 16 * 1024 ** 2);
      const kept = await inSidecar("ls /nodes/postgres-1/18/docker/pg_wal");
      for (const segment of waiting) expect(kept).toContain(segment);
      await s3.key("good");
      await archived(waiting.at(-1) as string);
      await eventually(async () => {
        const { postgres } = await list();
        expect(postgres.gaps).toEqual([]);
        expect(postgres.repositories?.map(({ fault }) => fault)).toEqual([null, null]);
      }, 60);
      const objects = (await s3.list()).map(({ key }) => key);
      for (const segment of waiting)
        expect(
          objects.some((key) => key.includes(segment)),
          segment,
        ).toBe(true);
      expect(await figure("plimsoll_archive_waiting_segments")).toBe(0);
    },
  );

  it("verify: the newest of each is restored, from it alone", async () => {
    const { exitCode, stderr } = await verify();
    expect(exitCode, stderr).toBe(0);
    const { postgres } = await list();
    for (const where of ["local", "s3"])
      expect(
        postgres.backups.filter(({ repository }) => repository === where).at(-1)?.verified,
        where,
      ).toMatchObject({
        outcome: "passed",
      });
    expect(await figure('plimsoll_backup_verify_last_run_failed{what="postgres",repository="s3"}')).toBe(0);
  });

  it("goes over to the bucket alone, with the same backups", async () => {
    const before = (await list()).postgres.backups.filter(({ repository }) => repository === "s3");
    await stack.change({ "backup.repository": { s3: bucket() } });
    await stack.start();
    const compose = await readFile(join(stack.folder, "compose.yaml"), "utf8");
    expect(compose).not.toContain("/var/lib/pgbackrest");
    await eventually(async () => {
      const { postgres } = await list();
      expect(postgres.backups.map(({ label }) => label)).toEqual(before.map(({ label }) => label));
    }, 60);
  });

  inLongIt("the bucket alone: verified, and restored into a copy without the volume", async () => {
    await sql("insert into proof values (0, 'late')");
    const { exitCode, stderr, stdout } = await cli.run("restore", ["--to", "latest", "--json"]);
    expect(exitCode, stderr + stdout).toBe(0);
    const copy = await stack.engine.docker.listContainers({
      filters: { label: [`plimsoll.copy=${stack.project}`] },
    });
    expect(copy).toHaveLength(1);
    expect((await cli.run("restore", ["--drop-copy", "--json"])).exitCode).toBe(0);
    expect((await verify()).found).toMatchObject({ outcome: "passed" });
  });

  inLongIt("a network that is cut: the log waits, and catches up without a gap", async () => {
    for (const how of ["silent", "refused"] as const) {
      await s3.cut(how);
      const segment = await closeSegment();
      await eventually(async () => {
        expect(await figure("plimsoll_archive_waiting_segments")).toBeGreaterThanOrEqual(1);
      }, 60);
      expect((await sql("select count(*) from proof")).trim()).toBe("20001");
      await s3.restore();
      await archived(segment, 240);
      expect((await list()).postgres.gaps).toEqual([]);
    }
  });

  inLongIt("a replica that is dead: the primary is read", async () => {
    await stack.compose("stop", "postgres-2");
    const { exitCode, stderr } = await cli.run("backup", ["now"]);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/^backup of postgres-1 begins \(diff\)$/m);
    await stack.compose("start", "postgres-2");
  });

  it("a wrong cipher key, and another authority: said in our words, and nothing is changed", async () => {
    const before = await s3.list();
    const put = (script: string) =>
      inSidecar(`
      sed -E ${script} /run/secrets/backup_pgbackrest >/tmp/other.conf
      mkdir -p /tmp/include && cp /tmp/other.conf /tmp/include/secrets.conf
      PGBACKREST_CONFIG_INCLUDE_PATH=/tmp/include plimsoll-backup report`);
    for (const [script, words] of [
      ["'s/(cipher-pass)=.*/\\1=another/'", /another key/],
      ["'s/(s3-key-secret)=.*/\\1=wrong/'", /refuses the key/],
    ] as const) {
      const { repositoryFault } = await import("../../operator/database/repository-words.ts");
      const report = JSON.parse(await put(script)) as {
        error: string;
        info: { status: { message: string }; repo: { status: { message: string } }[] }[];
      };
      const said =
        report.error || (report.info[0]?.repo[0]?.status.message ?? report.info[0]?.status.message ?? "");
      expect(repositoryFault(said).words, said).toMatch(words);
    }
    expect((await s3.list()).length).toBeGreaterThanOrEqual(before.length);
  });

  it("a file that is missing in the bucket: the verification fails, and the list says so", async () => {
    const { label } = (await list()).postgres.backups.at(-1) as { label: string };
    const files = (await s3.list()).filter(({ key }) => key.includes(`/backup/main/${label}/bundle/`));
    expect(files.length).toBeGreaterThan(0);
    for (const { key } of files) await s3.remove(key);
    const { exitCode, found } = await verify();
    expect(exitCode).toBe(1);
    expect(found).toMatchObject({
      label,
      outcome: "failed",
      said: expect.stringMatching(/^the restore ended with/),
    });
    expect(await figure('plimsoll_backup_verify_last_run_failed{what="postgres"}')).toBe(1);
    expect((await cli.run("backup", ["list"])).stdout).toMatch(new RegExp(`^${label} .*FAILED`, "m"));
  });

  it("has no secret in the generated folder", async () => {
    const conf = await readFile(join(stack.folder, "pgbackrest/pgbackrest.conf"), "utf8");
    expect(conf).not.toContain(s3.secretKey);
    expect(conf).toContain("repo1-s3-uri-style=path");
  });
});
