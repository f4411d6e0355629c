/**
 * A disaster to try docs/runbooks/disaster.md on: `npx tsx test/try/disaster.ts FOLDER`. A small stack serves on one
 * droplet of the tests and backs up into a bucket; then the droplet is destroyed with its disk. FOLDER gets what a person
 * has then: a recovery key, a note with the bucket's keys, and the way to an empty host. FOLDER/truth.json is for whoever
 * judges it afterwards. Both droplets and the bucket go on Ctrl-C.
 */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { DOMAIN, openDrSite, PROJECT } from "../e2e/dr-site.ts";
import { eventually } from "../e2e/wait.ts";

const [, , to] = process.argv;
if (!to) throw new Error("FOLDER is needed: it gets a recovery key");
const folder = resolve(to);
await mkdir(folder, { recursive: true });
// npx hands a Ctrl-C on that the terminal has sent already.
const ended = new Promise<void>((end) => process.on("SIGINT", end).on("SIGTERM", end));
const site = await openDrSite();
try {
  await Promise.race([strike(), ended]);
  const waiting = setInterval(() => undefined, 60_000);
  await ended;
  clearInterval(waiting);
} finally {
  await site.close();
}

async function strike(): Promise<void> {
  await site.supplyKeys();
  await site.must(["deploy", "production", "--yes"]);
  const second = await site.droplet("dr-second");
  await second.images(site.atHand);

  await site.sql(
    site.first,
    "create table numbers (n bigint primary key, at timestamptz default now()); alter table numbers owner to app",
  );
  await site.sql(site.first, "insert into numbers select generate_series(1, 1000)");
  await site.redis(site.first, "set", "session:1", "ana");
  await site.must(["backup", "production", "now", "--full"]);
  await site.sql(site.first, "insert into numbers select generate_series(1001, 1500)");
  const segment = await site.sql(site.first, "select pg_walfile_name(pg_switch_wal())");
  await eventually(async () => {
    const archived = await site.sql(site.first, "select last_archived_wal from pg_stat_archiver");
    const kept = await site.first.exec(`cat /srv/plimsoll/${PROJECT}/state/images.log`);
    if (archived < segment || !/kept in \d+ s/.test(kept))
      throw new Error(`${archived} is archived; ${kept}`);
  }, 180);
  await site.sql(site.first, "insert into numbers select generate_series(1501, 1507)");
  const died = new Date().toISOString();
  await execa("docker", ["rm", "--force", "--volumes", site.first.container]);

  await cp(site.key, join(folder, "plimsoll-recovery.key"));
  await cp(site.s3.ca, join(folder, "bucket-ca.pem"));
  await cp(second.sshConfig, join(folder, "ssh_config"));
  await writeFile(
    join(folder, "note.md"),
    `# What the team left

- The API of ${DOMAIN}, stack \`rolling\`, environment production, served on \`deploy@${site.first.address}\`.
- The droplet is gone since ${died}, says the provider: destroyed, with its disk.
- Backups: bucket \`${site.s3.bucket}\` at \`${site.s3.endpoint}\`, region \`${site.s3.region}\`, folder as plimsoll names it.
  Its certificate is of a private authority: \`bucket-ca.pem\`.
  Access key \`${site.s3.accessKey}\`, secret \`${site.s3.secretKey}\`.
- The recovery key: \`plimsoll-recovery.key\`.
- A new, empty host, made ready for Docker: \`deploy@${second.address}\`. ssh reaches it with \`ssh -F ssh_config\`, and plimsoll
  with \`export PLIMSOLL_SSH_CONFIG=$PWD/ssh_config\`.
- The name ${DOMAIN} is not in DNS here: \`curl --resolve\`.
`,
  );
  const truth = { died, archived: 1500, lost: 7, session: { "session:1": "ana" }, first: site.first.address };
  await writeFile(
    join(folder, "truth.json"),
    JSON.stringify({ ...truth, second: second.container }, null, 2),
  );
  console.log(
    `The first host is destroyed. Begin with ${join(folder, "note.md")}; Ctrl-C takes all of it away.`,
  );
}
