/** The stack goes to another host as planned: nothing that was acknowledged is lost, and until it serves there it can be given back. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DrSite, openDrSite, PROJECT, ROOT } from "./dr-site.ts";
import type { Droplet } from "./droplet.ts";
import { engineOrSkip } from "./engine.ts";
import { inLong, inLongIt } from "./long.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();

/**
 * Numbers its rows and its sessions, and keeps what was acknowledged, whoever is killed. As the application: through
 * the proxy. A few a second: what is at work beside it needs the processor.
 */
const WRITER = `
node() { docker ps -q --filter label=com.docker.compose.project=$1 --filter label=com.docker.compose.service=$2 | head -n 1; }
password=$(cat ${ROOT}/secrets/production/redis_sessions_app_password)
rows() {
  n=0
  while :; do
    docker exec -i "$(node ${PROJECT} postgres-2)" bash -s "$n" 2>/dev/null <<'ROWS' | while read -r word n; do
      export PGPASSWORD=$(cat /run/secrets/postgres_app_password)
      n=$1
      while :; do
        n=$((n + 1))
        psql -h postgres -U app -d rolling_db -XqAt -v ON_ERROR_STOP=1 -c "insert into numbers values ($n)" >/dev/null 2>&1 && echo "row $n"
        sleep 0.1
      done
ROWS
      echo "$word $n $(date +%s%3N)" >>/root/acknowledged
    done
    n=$((n + 100000)); sleep 0.3
  done
}
sessions() {
  for ((n = 1; ; n++)); do
    [[ $(docker exec -e REDISCLI_AUTH="$password" "$(node ${PROJECT} redis-sessions)" redis-cli --no-auth-warning --user app set "session:$n" ana 2>/dev/null) != OK ]] ||
      echo "session $n $(date +%s%3N)" >>/root/acknowledged
    sleep 0.5
  done
}
rows & sessions & wait
`;

describe.skipIf(!engine)("a failback", () => {
  let site: DrSite;
  let old: Droplet;
  let fresh: Droplet;
  let ownId = "";

  beforeAll(async () => {
    site = await openDrSite();
    old = site.first;
    await site.supplyKeys();
    await site.must(["deploy", "production", "--yes"]);
    fresh = await site.droplet("failback-fresh");
    await fresh.images(site.atHand);
    await site.sql(old, "create table numbers (n bigint primary key); alter table numbers owner to app");
    await old.exec(
      "cat >/root/writer; : >/root/acknowledged; setsid bash /root/writer >/dev/null 2>&1 </dev/null &",
      {
        input: WRITER,
      },
    );
    await eventually(async () => expect((await acknowledged()).rows.length).toBeGreaterThan(20), 60);
    // The application's image is in no registry: the new host has it from the bucket.
    await eventually(async () => {
      expect(await old.exec(`cat ${ROOT}/state/images.log`)).toMatch(/kept in \d+ s/);
    }, 180);
    ownId = (await old.exec(`cat ${ROOT}/secrets/production/backup_site`)).trim();
  });
  afterAll(() => site?.close());

  const words = (...more: string[]) => [
    ...["dr", "failback", "production", "--host", `deploy@${fresh.address}`],
    ...["--identity", site.key, ...site.repository, "--confirm", "rolling", ...more],
  ];

  async function acknowledged() {
    const lines = (await old.exec("cat /root/acknowledged")).split("\n").map((line) => line.split(" "));
    const of = (word: string) => lines.filter(([kind]) => kind === word).map(([, n]) => Number(n));
    return { rows: of("row"), sessions: of("session") };
  }
  /** Every row and session that was acknowledged until now is there. */
  async function requireAll(on: Droplet, seen: Awaited<ReturnType<typeof acknowledged>>) {
    const rows = new Set((await site.sql(on, "select n from numbers")).split("\n").map(Number));
    expect(seen.rows.filter((n) => !rows.has(n))).toEqual([]);
    const keys = seen.sessions.map((n) => `session:${n}`);
    expect(await site.redis(on, "exists", ...keys)).toBe(String(keys.length));
  }
  const active = async () =>
    JSON.parse((await site.s3.read(`${PROJECT}/recovery/active.json`)).toString()) as { id: string };
  const timeline = (on: Droplet) =>
    site.sql(on, "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int");
  /** The old one serves and writes as if nothing had been. */
  async function requireServing() {
    expect(await site.answers(old)).toBe("200 v1");
    const before = await acknowledged();
    await eventually(async () => {
      const now = await acknowledged();
      expect(now.rows.length).toBeGreaterThan(before.rows.length);
      expect(now.sessions.length).toBeGreaterThan(before.sessions.length);
    }, 30);
    await eventually(async () => {
      expect(await site.sql(old, "select state from pg_stat_replication")).toBe("streaming");
    }, 60);
    await requireAll(old, await acknowledged());
    expect((await old.attempt(`cat ${ROOT}/state/failback ${ROOT}/state/lock`)).stdout).toBe("");
  }

  it("is given back where the bucket goes away in the middle", async () => {
    const trying = site.begin(words(), { cwd: site.empty });
    await eventually(async () => expect(await site.answers(old)).toMatch(/^503/), 120);
    await site.s3.cut("refused");
    const { exitCode, stderr } = await trying;
    await site.s3.restore();
    console.log(stderr);
    expect(exitCode, String(stderr)).toBe(1);
    expect(stderr).toMatch(/given back: this site serves as before/);
    await requireServing();
    expect((await fresh.attempt(`ls -A ${ROOT}`)).stdout).toBe("");
  });

  inLongIt("is given back where the new host has the database already and does not come up", async () => {
    await fresh.exec("docker run --detach --name taken --publish 443:443 debian:forky-slim sleep infinity");
    const { exitCode, stderr } = await site.run(words(), { cwd: site.empty });
    console.log(stderr);
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toMatch(/serves again, after [\d.]+ s; nothing was lost/);
    await fresh.exec("docker rm --force taken");
    expect((await fresh.attempt(`ls -A ${ROOT}`)).stdout).toBe("");
    expect((await fresh.exec(`docker volume ls -q --filter name=${PROJECT}`)).trim()).toBe("");
    expect((await active()).id).toBe(ownId);
    // Timeline 2 was the new host's, and is in the bucket: who follows the newest from there must find this one's.
    expect(Number(await timeline(old))).toBeGreaterThan(2);
    await requireServing();
  });

  // dr.test.ts has a laptop that dies in the middle of an activation, which is what it is in the middle of.
  inLongIt("goes on where the laptop dies in the middle, and refuses a second one meanwhile", async () => {
    const first = site.begin(words(), { cwd: site.empty });
    await eventually(async () => {
      expect((await fresh.attempt(`cat ${ROOT}/state/releases/v2/events`)).stdout).toContain(
        '"step":"seed","state":"begin"',
      );
    }, 300);
    const second = await site.run(words(), { cwd: site.empty });
    first.kill("SIGKILL");
    const { stderr } = await first;
    console.log(String(stderr));
    expect(second.exitCode, second.stderr).toBe(1);
    expect(second.stderr).toMatch(/another failback of production is at work/);
  });

  it("moves everything that was acknowledged, and says the outage", async () => {
    const said = await site.run(words("--json"), { cwd: site.empty });
    expect(said.exitCode, `${said.stdout}\n${said.stderr}`).toBe(0);
    console.log(said.stderr);
    const found = JSON.parse(said.stdout);
    console.log(`outage ${found.outage} s${inLong(", with the laptop killed in it", "")}`, found.end);
    expect(found).toMatchObject({ lost: 0, host: `deploy@${fresh.address}`, from: `deploy@${old.address}` });
    expect(await site.answers(fresh)).toBe("200 v1");
    await requireAll(fresh, await acknowledged());
    expect((await active()).id).not.toBe(ownId);
  });

  it("leaves an old host that answers 503, and takes no write, also where its nodes are started again", async () => {
    const before = await acknowledged();
    expect(before.rows.length).toBeGreaterThan(100);
    await old.exec(
      `docker start $(docker ps -aq --filter label=com.docker.compose.project=${PROJECT} --filter name=postgres-)`,
    );
    await new Promise((later) => setTimeout(later, 5_000));
    expect(await acknowledged()).toEqual(before);
    expect(await site.answers(old)).toMatch(/^503/);
    const refused = await site.run([
      "deploy",
      "production",
      "--host",
      `deploy@${old.address}`,
      "--yes",
      "--force",
    ]);
    expect(refused.stderr).toMatch(/failback to deploy@/);
    const undo = await site.run(words("--undo", "--from", `deploy@${old.address}`), { cwd: site.empty });
    expect(undo.exitCode, undo.stderr).toBe(1);
    expect(undo.stderr).toMatch(/serves: there is nothing to undo/);
  });
});
