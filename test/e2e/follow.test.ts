/** A disaster site that is kept warm: it follows the bucket, then streams, says how far it is, and is activated when the first host is gone. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DrSite, openDrSite, PROJECT, ROOT } from "./dr-site.ts";
import { type Droplet, withDroplet } from "./droplet.ts";
import { engineOrSkip } from "./engine.ts";
import { buildCli, removeCli } from "./operate-cli.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("a disaster site that is kept warm", () => {
  let site: DrSite;
  let second: Droplet;
  /** Where the second comes from, as the first sees it. */
  let address = "";
  let rows = 0;
  let lastCommit = 0;
  /** Seconds that the restore took here, which an activation of an empty host has before it (dr.test.ts). */
  let restored = 0;

  beforeAll(async () => {
    site = await openDrSite();
    second = await site.droplet("dr-warm");
    address = await intoNetworkOf(site.first, second);
    await site.setProduction({
      objectives: { rpo: "10m" },
      dr: { host: `deploy@${second.address}`, follow: "repository" },
    });
    await site.supplyKeys();
    await second.images(site.atHand);
    await site.must(["deploy", "production", "--yes"]);
    await eventually(async () => {
      expect((await site.s3.list(`${PROJECT}/recovery/`)).map(({ key }) => key)).toContainEqual(
        expect.stringMatching(/Z\.tar\.age$/),
      );
      expect(await site.first.exec(`cat ${ROOT}/state/images.log`)).toMatch(/kept in \d+ s/);
    }, 180);
  });
  afterAll(async () => {
    if (site && second)
      await execa("docker", ["network", "disconnect", "--force", site.first.container, second.container], {
        reject: false,
      });
    await site?.close();
  });

  const dr = (command: string, ...words: string[]) => ["dr", command, "production", ...words];
  const opened = (...words: string[]) => ["--identity", site.key, ...words];
  async function insert(count: number, writer = "postgres-1") {
    await site.sql(
      site.first,
      `insert into numbers select (select coalesce(max(n), 0) from numbers) + g from generate_series(1, ${count}) g`,
      writer,
    );
    rows += count;
    lastCommit = Date.now();
  }
  const arrived = (on: Droplet, seconds: number) =>
    eventually(
      async () => expect(await site.sql(on, "select count(*) from numbers")).toBe(String(rows)),
      seconds,
    );
  const said = async () => JSON.parse((await site.s3.read(`${PROJECT}/recovery/follower.json`)).toString());
  const figures = () =>
    site.inService(
      site.first,
      "backup-postgres",
      "bash -c 'plimsoll-backup metrics && cat /metrics/backup-postgres.prom'",
    );
  const figure = async (name: string) =>
    Number(new RegExp(`^plimsoll_dr_follower_${name} (\\S+)$`, "m").exec(await figures())?.[1]);
  const services = async () =>
    (
      await second.exec(
        `docker ps -a --filter label=com.docker.compose.project=${PROJECT} --format '{{.Names}}'`,
      )
    )
      .trim()
      .split("\n");

  it("is set up on an empty host, with one container and nothing that serves", async () => {
    await site.sql(
      site.first,
      "create table numbers (n bigint primary key); alter table numbers owner to app",
    );
    await insert(1000);
    expect(await figure("seen_timestamp_seconds")).toBe(0);
    const { stdout, stderr } = await site.must(dr("init", ...opened("--json")));
    console.log(stderr);
    restored = JSON.parse(stdout).steps.find(({ step }: { step: string }) => step === "follow").seconds;
    expect(await services()).toEqual([`${PROJECT}-postgres-1-1`]);
    expect(await site.sql(second, "select pg_is_in_recovery()")).toBe("t");
    const active = JSON.parse((await site.s3.read(`${PROJECT}/recovery/active.json`)).toString());
    expect(active).toMatchObject({ host: `deploy@${site.first.address}` });
    // The site that writes is not held back by it, and anything else on the second one is.
    expect(await figures()).toContain("plimsoll_site_superseded 0");
  });

  it("follows the bucket: rows arrive with their segment", async () => {
    await insert(500);
    await site.sql(site.first, "select pg_switch_wal()");
    await arrived(second, 90);
    await eventually(
      async () => expect(await said()).toMatchObject({ state: "following", timeline: 1, fault: null }),
      90,
    );
    // Whatever else the primary commits may have come after it.
    await eventually(
      async () => expect((await said()).replayed * 1000).toBeGreaterThan(lastCommit - 5000),
      90,
    );
    const { replayed, host } = await said();
    expect(host).toBe(`deploy@${second.address}`);
    expect(replayed * 1000).toBeLessThan(Date.now());
    expect(await figure("failed")).toBe(0);
    expect(Date.now() / 1000 - (await figure("seen_timestamp_seconds"))).toBeLessThan(120);
    // What it said last may be a minute old, and a segment have been finished since.
    await eventually(async () => expect(await figure("behind_bytes")).toBe(0), 90);
    expect(await figure("behind_seconds")).toBe(0);
    const status = JSON.parse((await site.must(dr("status", ...opened("--json")))).stdout);
    expect(status).toMatchObject({
      faults: [],
      notes: [],
      follower: { host: `deploy@${second.address}`, mode: "repository", state: "following" },
    });
  });

  it("is behind while its host is off, and goes on when it comes back", async () => {
    await execa("docker", ["stop", "--time", "60", second.container]);
    await insert(100);
    await site.sql(site.first, "select pg_switch_wal()");
    await eventually(async () => expect(await figure("behind_bytes")).toBeGreaterThan(0), 60);
    await eventually(async () => expect(await figure("behind_seconds")).toBeGreaterThan(2), 60);
    await execa("docker", ["start", second.container]);
    await arrived(second, 180);
    expect(await site.sql(second, "select pg_is_in_recovery()")).toBe("t");
    await eventually(async () => expect(await figure("behind_bytes")).toBe(0), 120);
  });

  it("goes over to the timeline of a promotion", async () => {
    await site.must(["promote", "production", "--confirm", "rolling"]);
    await site.must(["rejoin", "production"]);
    await insert(50, "postgres-2");
    await site.sql(site.first, "select pg_switch_wal()", "postgres-2");
    await arrived(second, 180);
    await eventually(async () => expect(await said()).toMatchObject({ state: "following", timeline: 2 }), 90);
  });

  it("takes in a newer release, which streams, without losing what it has", async () => {
    await site.setProduction({ "dr.follow": "stream", "dr.address": address });
    await site.must(["deploy", "production", "--yes"]);
    await eventually(async () => {
      const { release } = JSON.parse((await site.must(dr("status", ...opened("--json")))).stdout);
      expect(release).toBe("v2");
    }, 120);
    const { stderr } = await site.must(dr("init", ...opened()));
    expect(stderr).not.toContain("restoring the newest backup");
    expect(await site.sql(second, "select count(*) from numbers")).toBe(String(rows));
    expect(await services()).toEqual([`${PROJECT}-postgres-1-1`]);
  });

  it("streams over TLS: rows arrive at once, before any segment is full", async () => {
    await eventually(
      async () => expect(await said()).toMatchObject({ mode: "stream", streaming: true }),
      120,
    );
    const before = await site.sql(site.first, "select pg_walfile_name(pg_current_wal_lsn())", "postgres-2");
    await insert(20, "postgres-2");
    const began = performance.now();
    await arrived(second, 20);
    console.log(`streamed within ${Math.round(performance.now() - began)} ms`);
    expect(await site.sql(site.first, "select pg_walfile_name(pg_current_wal_lsn())", "postgres-2")).toBe(
      before,
    );
    expect(
      await site.sql(
        site.first,
        "select application_name, state, ssl from pg_stat_replication join pg_stat_ssl using (pid) where application_name = 'disaster-site'",
        "postgres-2",
      ),
    ).toBe("disaster-site|streaming|t");
    // In the stack nothing is different: its own replica, and its clients without TLS.
    expect(await site.answers(site.first)).toBe("200 v1");
  });

  it("opens its door to the disaster site alone, and there to replication alone", async () => {
    // From this machine, which is another address than the second's.
    expect(await firstAnswer(site.first.address)).toBe("closed");
    const from = (words: string) =>
      second.attempt(
        `docker exec ${PROJECT}-postgres-1-1 bash -c 'PGPASSWORD=$(cat /run/secrets/postgres_app_password) PGCONNECT_TIMEOUT=5 psql -XqAt "host=${site.first.address} port=6432 user=app dbname=rolling_db ${words}" -c "select 1"'`,
      );
    expect((await from("sslmode=require")).stderr).toMatch(/no pg_hba.conf entry for host .* user "app"/);
    expect((await from("sslmode=disable")).stderr).toMatch(/server closed the connection|timeout/);
  });

  it("is activated when the first host is gone, without a restore", async () => {
    await eventually(async () => expect((await said()).lsn).not.toBeNull(), 60);
    // Acknowledged, and in no segment that left the host: they were streamed.
    await insert(7, "postgres-2");
    await arrived(second, 20);
    await execa("docker", ["rm", "--force", "--volumes", site.first.container]);
    const words = [
      ...opened("--host", `deploy@${second.address}`, ...site.repository),
      "--confirm",
      "rolling",
      "--json",
    ];
    const done = await site.run(dr("activate", ...words), { cwd: site.empty });
    expect(done.exitCode, `${done.stdout}\n${done.stderr}`).toBe(0);
    console.log(done.stderr);
    const found = JSON.parse(done.stdout);
    expect(done.stderr).toContain("postgres-1 followed until now");
    expect(done.stderr).not.toContain("restoring the newest backup");
    expect(await site.sql(second, "select count(*), max(n) from numbers")).toBe(`${rows}|${rows}`);
    expect(await site.answers(second)).toBe("200 v1");
    expect(Math.abs(Date.parse(found.lastTransaction) - lastCommit)).toBeLessThan(5000);
    const seed = found.steps.find(({ step }: { step: string }) => step === "seed");
    console.log(
      `warm: RTO ${found.seconds} s, of which the database ${seed.seconds} s; its restore took ${restored} s before`,
      found,
    );
    // It is the site that writes now: nothing of the follower is left, and it takes writes.
    expect(await second.attempt(`ls ${ROOT}/state/follow.json`)).toMatchObject({ exitCode: 2 });
    expect(await site.sql(second, "insert into numbers values (0) returning n")).toContain("0");
    await eventually(async () => {
      expect(await site.sql(second, "select state from pg_stat_replication")).toBe("streaming");
    }, 90);
  });
});

describe.skipIf(!engine)("dr drop", () => {
  it("removes what follows, and nothing else, and asks for the name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "drop-"));
    await cp(resolve("test/deploy/stack"), join(folder, "stacks/rolling"), { recursive: true });
    const main = await buildCli();
    try {
      await withDroplet({ name: "dr-drop" }, async (droplet) => {
        const drop = (...words: string[]) =>
          execa(
            process.execPath,
            [main, "dr", "drop", "production", "--host", `deploy@${droplet.address}`, ...words],
            { reject: false, cwd: folder, stdin: "ignore", env: { PLIMSOLL_SSH_CONFIG: droplet.sshConfig } },
          );
        const there = async () =>
          `${await droplet.exec(`ls -A ${ROOT}/state 2>/dev/null | tr '\\n' ' '; docker volume ls -q | tr '\\n' ' '`)}`.trim();
        await droplet.exec(
          `install -d -o deploy -g deploy ${ROOT} ${ROOT}/state ${ROOT}/secrets/production && touch ${ROOT}/secrets/production/key ${ROOT}/state/follow.json
           chown -R deploy: ${ROOT}
           docker network create --label com.docker.compose.project=${PROJECT} ${PROJECT}_data
           docker volume create --label com.docker.compose.project=${PROJECT} ${PROJECT}_postgres-1
           docker volume create --label com.docker.compose.project=another another_postgres-1`,
        );
        const before = await there();
        const unasked = await drop();
        expect(unasked.exitCode, unasked.stderr).toBe(2);
        expect(unasked.stderr).toContain("--confirm rolling");
        // The host that writes, and one that is to: neither is a copy.
        for (const [file, word] of [
          ["current", "runs a release"],
          ["recovery.json", "an activation was begun"],
        ]) {
          await droplet.exec(`echo v1 > ${ROOT}/state/${file}`);
          const refused = await drop("--confirm", "rolling");
          expect(refused.exitCode, refused.stderr).toBe(1);
          expect(refused.stderr).toContain(word);
          await droplet.exec(`rm ${ROOT}/state/${file} ${ROOT}/state/work.lock`);
          expect(await there()).toBe(before);
        }
        const done = await drop("--confirm", "rolling");
        expect(done.exitCode, done.stderr).toBe(0);
        expect(done.stderr).toContain(`${PROJECT}_postgres-1`);
        expect(await there()).toBe("another_postgres-1");
        expect((await droplet.attempt(`ls -A ${ROOT}`)).stdout).toBe("");
        expect(
          (await droplet.exec("docker network ls -q --filter label=com.docker.compose.project")).trim(),
        ).toBe("");
        expect((await drop("--confirm", "rolling")).stderr).toContain("there was nothing to remove");
      });
    } finally {
      await removeCli();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Droplets have a network each, and Docker lets none into another's. @returns the second's address in the first's */
async function intoNetworkOf(first: Droplet, second: Droplet): Promise<string> {
  const [own = ""] = first.address.split(/\.(?=\d+$)/);
  const address = `${own}.${Number(first.address.split(".")[3]) + 3}`;
  await execa("docker", ["network", "connect", "--ip", address, first.container, second.container]);
  return address;
}

/** What PostgreSQL's port for followers says to the first word of its protocol that asks for TLS. */
function firstAnswer(host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: 6432 }, () =>
      socket.write(Buffer.from("0000000804d2162f", "hex")),
    );
    socket.setTimeout(15_000, () => resolve("silent"));
    socket.on("data", (data) => resolve(data.toString("latin1")));
    socket.on("close", () => resolve("closed"));
    socket.on("error", () => resolve("closed"));
  });
}
