/** The host and its disk are gone. What is left: a bucket and one key. */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DrillReport } from "../../operator/drill/report.ts";
import { DOMAIN, type DrSite, openDrSite, PROJECT, ROOT } from "./dr-site.ts";
import type { Droplet } from "./droplet.ts";
import { engineOrSkip } from "./engine.ts";
import { inLongIt } from "./long.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("a disaster", () => {
  let site: DrSite;
  let second: Droplet;
  /** Rows that were acknowledged, and how many of them the archive had. */
  const ROWS = { backedUp: 1000, archived: 500, lost: 7 };
  let lastArchived = 0;
  let died = 0;

  beforeAll(async () => {
    site = await openDrSite({ "backup.checks": { numbers: "select count(*) >= 1500 from numbers" } });
    await site.supplyKeys();
    await site.must(["deploy", "production", "--yes"]);
    second = await site.droplet("dr-second");
    await second.images(site.atHand);
  });
  afterAll(() => site?.close());

  const activateWords = (...words: string[]) => [
    ...["dr", "activate", "production", "--host", `deploy@${second.address}`],
    ...["--identity", site.key, ...site.repository, ...words],
  ];
  const insert = (count: number) =>
    site.sql(
      site.first,
      `insert into numbers select (select coalesce(max(n), 0) from numbers) + g from generate_series(1, ${count}) g`,
    );

  it("before: rows, sessions, backups, and a log that goes on", async () => {
    await site.sql(
      site.first,
      "create table numbers (n bigint primary key); alter table numbers owner to app",
    );
    await insert(ROWS.backedUp);
    expect(await site.redis(site.first, "set", "session:1", "ana")).toBe("OK");
    await site.must(["backup", "production", "now", "--full"]);
    await insert(ROWS.archived);
    lastArchived = Date.now();
    const segment = await site.sql(site.first, "select pg_walfile_name(pg_switch_wal())");
    await eventually(async () => {
      expect((await site.sql(site.first, "select last_archived_wal from pg_stat_archiver")) >= segment).toBe(
        true,
      );
    }, 60);
    // The bundle and the application's image come into the bucket without anybody waiting for them.
    await eventually(async () => {
      expect((await site.s3.list(`${PROJECT}/recovery/`)).map(({ key }) => key)).toContainEqual(
        expect.stringMatching(/Z\.tar\.age$/),
      );
      expect(await site.first.exec(`cat ${ROOT}/state/images.log`)).toMatch(/kept in \d+ s/);
    }, 180);
  });

  it("status: it would work now, asked of the bucket alone", async () => {
    const words = ["dr", "status", "production", "--identity", site.key, ...site.repository];
    const said = await site.must([...words, "--json"], { cwd: site.empty });
    expect(JSON.parse(said.stdout)).toMatchObject({
      stack: "rolling",
      release: "v1",
      host: `deploy@${site.first.address}`,
      faults: [],
    });
    const { stdout } = await site.must(["dr", "status", "production", "--bundles", ...site.repository], {
      cwd: site.empty,
    });
    expect(stdout).toMatch(/^\d{8}T\d{6}Z\.tar\.age {2}20\d\d-/);
  });

  it("refuses what is wrong before anything is touched", async () => {
    await site.must(["dr", "key", "--out", "other.key"]);
    const refused: [string[], RegExp, Record<string, string>?][] = [
      [activateWords("--identity", `${site.folder}/other.key`), /this key opens none of the recipients/],
      [activateWords(), /SignatureDoesNotMatch|does not take these keys/, { AWS_SECRET_ACCESS_KEY: "wrong" }],
      [
        activateWords("--repository", `https://${site.s3.endpoint}/${site.s3.bucket}/other`),
        /no recovery bundle/,
      ],
    ];
    for (const [words, message, environment] of refused) {
      const { exitCode, stderr } = await site.run(words, { cwd: site.empty, environment });
      expect(exitCode, stderr).toBeGreaterThan(0);
      expect(stderr).toMatch(message);
    }
    await untouched();
  });

  /** What the repository holds; the running site's own log goes on meanwhile. */
  const stored = async () =>
    (await site.s3.list(`${PROJECT}/`)).filter(({ key }) => !/\/archive\/main\/.*\/0000000100/.test(key));
  const drillWords = (...words: string[]) => [
    ...["drill", "production", "disaster", "--host", `deploy@${second.address}`, ...words],
  ];
  const fromBucket = () => ["--identity", site.key, ...site.repository];
  const label = `--filter label=com.docker.compose.project=${PROJECT}`;
  const emptied = async () => {
    expect((await second.attempt("ls -A /srv/plimsoll")).stdout).toBe("");
    for (const list of ["ps -aq", "volume ls -q", "network ls -q"])
      expect((await second.exec(`docker ${list} ${label}`)).trim(), list).toBe("");
  };

  /** For docs/examples: PLIMSOLL_EXAMPLES=docs/examples. */
  const example = async ({ id }: DrillReport) => {
    const to = process.env.PLIMSOLL_EXAMPLES;
    if (!to) return;
    for (const ending of ["md", "json"])
      await writeFile(
        join(to, `drill-disaster.${ending}`),
        (await site.first.exec(`cat ${ROOT}/state/drills/${id}.${ending}`)).replaceAll(
          second.address,
          "203.0.113.9",
        ),
      );
  };

  it("drill: is refused on the host that serves, and without the key", async () => {
    const own = await site.run([...drillWords(...fromBucket()), "--host", `deploy@${site.first.address}`]);
    expect(own.exitCode, own.stderr).toBe(2);
    expect(own.stderr).toMatch(/is the host that serves/);
    const keyless = await site.run(drillWords());
    expect(keyless.exitCode, keyless.stderr).toBe(2);
    expect(keyless.stderr).toMatch(/the recovery key is needed/);
  });

  it("drill: the whole stack comes up cut off, is measured and kept on request, and the bucket is as it was", async () => {
    const images = await second.exec("docker images --format '{{.Repository}}:{{.Tag}}' | sort");
    const before = await stored();
    const asked = (await site.s3.requests()).length;
    const environment = { PLIMSOLL_BY: "ana@laptop" };
    const words = drillWords(...fromBucket(), "--keep", "--json");
    const said = await site.run(words, { cwd: site.empty, environment });
    expect(said.exitCode, `${said.stdout}\n${said.stderr}`).toBe(0);
    console.log(said.stderr);
    const report = DrillReport.parse(JSON.parse(said.stdout));
    console.log(`disaster drill: RTO ${report.rto.measured} s, RPO ${report.rpo.measured} s`, report);
    expect(report).toMatchObject({ kind: "disaster", outcome: "passed", release: "v1", faults: [] });
    await example(report);
    const rows = ROWS.backedUp + ROWS.archived;
    expect(report.tables).toContainEqual({ name: "public.numbers", copy: rows, running: rows });
    expect(report.checks).toContainEqual({ name: "numbers", passed: true, said: "t" });
    const sum = report.steps.reduce((all, { seconds }) => all + seconds, 0);
    expect(Math.abs(sum - (report.rto.measured as number))).toBeLessThan(1);
    expect(report.reached).toBeGreaterThan(lastArchived / 1000 - 5);

    // What is kept there serves by its name, to its own host alone.
    const ask = `curl -sk -m 10 -o /dev/null -w '%{http_code}' --resolve ${DOMAIN}:443:127.0.0.1 https://${DOMAIN}/work`;
    expect(await second.exec(ask)).toBe("200");
    expect(await site.answers(second)).toMatch(/^000/);
    expect(await site.sql(second, "select count(*) from numbers")).toBe(String(rows));
    expect(await site.sql(second, "show archive_mode")).toBe("off");
    expect(await site.redis(second, "get", "session:1")).toBe("ana");

    // The same question from the same container of the site that serves, and from the drill's host: there it is answered.
    const [bucket = "", port = ""] = site.s3.endpoint.split(":");
    const connect = `node -e 'const s=require("net").connect(${port},"${bucket}");s.setTimeout(5000,()=>{console.log("silent");process.exit()});s.on("connect",()=>{console.log("reached");process.exit()});s.on("error",(e)=>console.log(e.code))'`;
    expect(await site.inService(site.first, "api-1", connect)).toBe("reached");
    expect(await second.exec(`timeout 5 bash -c ': </dev/tcp/${bucket}/${port}' && echo reached`)).toMatch(
      /reached/,
    );
    expect(await site.inService(second, "api-1", connect)).not.toBe("reached");
    const running = (
      await second.exec(`docker ps ${label} --format '{{.Label "com.docker.compose.service"}}'`)
    )
      .trim()
      .split("\n");
    expect(running).toContain("postgres-2");
    for (const service of ["backup-postgres", "backup-files"]) expect(running).not.toContain(service);
    const secrets = await site.inService(second, "postgres-1", "ls /run/secrets");
    expect(secrets).not.toMatch(/backup_(pgbackrest|site)/);

    // Somebody types what a person types, and writes: nothing of it leaves the host.
    await second.exec(`cd ${ROOT}/generated/production && docker compose up -d`);
    await site.sql(second, "insert into numbers values (-1)");
    await site.sql(second, "select pg_switch_wal()");
    const deploy = await site.run(["deploy", "production", "--host", `deploy@${second.address}`, "--yes"]);
    expect(deploy.stderr).toMatch(/holds a disaster drill/);
    const activation = await site.run(
      activateWords("--fenced", `deploy@${site.first.address}`, "--confirm", "rolling"),
    );
    expect(activation.stderr).toMatch(/holds a disaster drill/);
    const again = await site.run(drillWords(...fromBucket()));
    expect(again.stderr).toMatch(/was kept to be looked at/);
    expect(await stored()).toEqual(before);
    const wrote = (await site.s3.requests()).slice(asked).filter((line) => / (PUT|POST|DELETE) /.test(line));
    expect(wrote.filter((line) => !/\/archive\/main\/.*\/0000000100/.test(line))).toEqual([]);

    await site.must(drillWords("--drop"));
    await emptied();
    expect(await second.exec("docker images --format '{{.Repository}}:{{.Tag}}' | sort")).toBe(images);
    // The site that serves has the report, and its figure.
    const listed = JSON.parse((await site.must(["drill", "production", "list", "--json"])).stdout);
    expect(listed.reports.map(({ id }: { id: string }) => id)).toContain(report.id);
    const figures = await site.inService(site.first, "backup-postgres", "cat /metrics/drill-disaster.prom");
    expect(figures).toContain('plimsoll_drill_last_failed{kind="disaster"} 0');
  });

  inLongIt(
    "drill: two at once are refused, and one that is killed or interrupted leaves nothing",
    async () => {
      const before = await stored();
      const first = site.begin(drillWords(...fromBucket()), { cwd: site.empty });
      await eventually(async () => {
        expect((await second.attempt(`cat ${ROOT}/state/releases/v2/events`)).stdout).toContain(
          '"step":"seed","state":"begin"',
        );
      }, 300);
      const other = await site.run(drillWords(...fromBucket()), { cwd: site.empty });
      expect(other.exitCode, other.stderr).toBe(1);
      expect(other.stderr).toMatch(/another disaster drill is held/);
      first.kill("SIGKILL");
      await first;
      await eventually(emptied, 120);

      // A Ctrl-C is waited for: the host is empty when the prompt comes back.
      const interrupted = site.begin(drillWords(...fromBucket()), { cwd: site.empty });
      await eventually(async () => {
        expect(await second.exec(`ls ${ROOT}`)).toContain("secrets");
      }, 120);
      interrupted.kill("SIGINT");
      const { exitCode, stderr } = await interrupted;
      expect(exitCode, String(stderr)).toBe(130);
      await emptied();
      expect(await stored()).toEqual(before);
    },
  );

  it("is refused while the first host answers", async () => {
    const { exitCode, stderr } = await site.run(activateWords("--confirm", "rolling"), { cwd: site.empty });
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toMatch(/is alive: it takes connections on port 22/);
    expect(stderr).toContain(`--fenced deploy@${site.first.address}`);
    await untouched();
  });

  it("the first host is destroyed with its disk", async () => {
    // Acknowledged, and in no segment that left the host.
    await insert(ROWS.lost);
    died = Date.now();
    // Its network stays: nothing answers there, as where a provider has taken a droplet away.
    await execa("docker", ["rm", "--force", "--volumes", site.first.container]);
    const { stdout } = await execa("docker", ["ps", "-aq", "--filter", `name=${site.first.container}`]);
    expect(stdout).toBe("");
  });

  it("goes on where the laptop dies in the middle", async () => {
    const first = site.begin(activateWords("--confirm", "rolling"), { cwd: site.empty });
    await eventually(async () => {
      expect((await second.attempt(`cat ${ROOT}/state/releases/v2/events`)).stdout).toContain(
        '"step":"seed","state":"begin"',
      );
    }, 300);
    first.kill("SIGKILL");
    await first;
  });

  it("activates from the bucket and the key alone", async () => {
    const said = await site.run(activateWords("--confirm", "rolling", "--json"), { cwd: site.empty });
    expect(said.exitCode, `${said.stdout}\n${said.stderr}`).toBe(0);
    console.log(said.stderr);
    const found = JSON.parse(said.stdout);
    expect(await site.sql(second, "select count(*) from numbers")).toBe(
      String(ROWS.backedUp + ROWS.archived),
    );
    expect(await site.answers(second)).toBe("200 v1");
    expect(await site.redis(second, "get", "session:1")).toBe("ana");
    const reached = Date.parse(found.lastTransaction);
    // Autovacuum commits too, and a segment of it may have come into the bucket while drills were held.
    expect(reached).toBeGreaterThan(lastArchived - 5_000);
    expect(reached).toBeLessThan(died);
    // Whoever came without the stack's folder has one now, and asks on with it.
    expect(said.stderr).toContain("stack.yaml of v1 is in rolling/ now");
    const ps = ["ps", "--stack", "rolling", "--host", `deploy@${second.address}`, "production"];
    expect(said.stderr).toContain(`plimsoll ${ps.join(" ")}`);
    expect((await site.must(ps, { cwd: site.empty })).stdout).toContain("postgres-2");
    const wrong = await site.run([
      "ps",
      "--host",
      `deploy@${second.address}`,
      "--stack",
      resolve("stacks/fkod"),
      "production",
    ]);
    expect(wrong.stderr).toMatch(/has no project fkod-production\n.*It has rolling-production\./);
    console.log(`RTO ${found.seconds} s, RPO ${((died - reached) / 1000).toFixed(1)} s`, found);
  });

  it("goes on as ever: replica, archive, backups, deploy, rollback", async () => {
    await eventually(async () => {
      expect(await site.sql(second, "select state from pg_stat_replication")).toBe("streaming");
    }, 60);
    const host = ["--host", `deploy@${second.address}`];
    await site.must(["backup", "production", ...host, "now"]);
    await site.must(["deploy", "production", ...host, "--yes", "--force"]);
    await site.must(["rollback", "production", ...host, "--yes"]);
    expect(await site.sql(second, "select count(*) from numbers")).toBe(
      String(ROWS.backedUp + ROWS.archived),
    );
  });

  it("tells a host that another took over from: no server starts, no backup is made", async () => {
    const key = `${PROJECT}/recovery/active.json`;
    const own = (await site.s3.read(key)).toString();
    await site.s3.put(
      key,
      JSON.stringify({ ...JSON.parse(own), id: "another12345", host: "deploy@elsewhere" }),
    );
    const replica = `$(docker ps -aq --filter label=com.docker.compose.project=${PROJECT} --filter label=com.docker.compose.service=postgres-2)`;
    await second.exec(`docker restart ${replica}`);
    await eventually(async () => {
      expect(await second.exec(`docker logs --tail 5 ${replica} 2>&1`)).toMatch(
        /another site took over, deploy@elsewhere since/,
      );
    }, 60);
    const host = ["--host", `deploy@${second.address}`];
    const refused = await site.run(["backup", "production", ...host, "now"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("another site took over, deploy@elsewhere");
    const figures = await site.inService(second, "backup-postgres", "cat /metrics/backup-postgres.prom");
    expect(figures).toContain("plimsoll_site_superseded 1");
    await site.s3.put(key, own);
    await second.exec(`docker restart ${replica}`);
    await eventually(async () => {
      expect(await site.sql(second, "select state from pg_stat_replication")).toBe("streaming");
    }, 90);
  });

  async function untouched() {
    expect((await second.attempt(`ls -A ${ROOT}`)).stdout).toBe("");
    expect((await second.exec(`docker volume ls -q --filter name=${PROJECT}`)).trim()).toBe("");
  }
});
