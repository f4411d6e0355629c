/** A stack whose database is to be harmed: what the faults do to it, and how one sees that it is well again. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { RunningStack } from "../e2e/engine.ts";
import type { Disks } from "./volumes.ts";

export type Site = {
  stack: RunningStack;
  disks: Disks | undefined;
  /** Takes writes; the other follows. */
  leader: string;
  replica: string;
};

const SIDECAR = "backup-postgres";
/** Where both have their data. */
export const PGDATA = "/var/lib/postgresql/18/docker";

/** In the sidecar: the log and the backups that are kept. */
export const ARCHIVE = "/var/lib/pgbackrest/archive/main";
export const BACKUPS = "/var/lib/pgbackrest/backup/main";

export async function docker({ stack }: Site, ...words: string[]): Promise<string> {
  const env = { ...process.env, DOCKER_HOST: stack.engine.endpoint };
  return (await promisify(execFile)("docker", words, { env })).stdout.trim();
}

export function idOf(site: Site, service: string): Promise<string> {
  const of = (label: string) => ["--filter", `label=com.docker.compose.${label}`];
  return docker(
    site,
    "ps",
    "-aq",
    "--no-trunc",
    ...of(`project=${site.stack.project}`),
    ...of(`service=${service}`),
  );
}

export function sql({ stack }: Site, node: string, statement: string): Promise<string> {
  return stack.exec(node, [
    ...["timeout", "20", "psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db"],
    ...["-XAtqc", statement],
  ]);
}

export function inSidecar({ stack }: Site, script: string): Promise<string> {
  return stack.exec(SIDECAR, ["bash", "-c", script]);
}

/** Kills the container's server, and what Docker would do about it is left to its policy. */
export async function killServer(site: Site, service: string): Promise<void> {
  const pid = Number(await docker(site, "inspect", "--format", "{{.State.Pid}}", await idOf(site, service)));
  // 0 between two starts: that would be our own process group.
  if (!(pid > 0)) throw new Error(`${service} does not run`);
  process.kill(pid, "SIGKILL");
}

/** Killed, and it does not come back by itself. */
export async function killForGood(site: Site, service: string): Promise<void> {
  await docker(site, "update", "--restart=no", await idOf(site, service));
  await killServer(site, service);
}

export async function startAgain(site: Site, service: string): Promise<void> {
  const id = await idOf(site, service);
  await docker(site, "update", "--restart=unless-stopped", id);
  await docker(site, "start", id);
}

/** The archiver, the checkpointer and so on: by the words that the process has. */
export async function killProcess(site: Site, node: string, words: string): Promise<void> {
  await site.stack.exec(node, [
    "bash",
    "-c",
    `for file in /proc/[0-9]*/cmdline; do
       if tr '\\0' ' ' <"$file" 2>/dev/null | grep -q '^postgres: .*${words}'; then
         file=\${file#/proc/}; kill -9 "\${file%/*}"; found=1
       fi
     done; [[ -n \${found-} ]]`,
  ]);
}

const networkOf = (site: Site, name: string) => `${site.stack.project}_${name}`;

export async function cutOff(site: Site, service: string, network = "data"): Promise<void> {
  await docker(site, "network", "disconnect", networkOf(site, network), await idOf(site, service));
}

export async function joinUp(site: Site, service: string, network = "data"): Promise<void> {
  const words = ["--alias", service, networkOf(site, network), await idOf(site, service)];
  await docker(site, "network", "connect", ...words);
}

/** 64 bytes in the middle of a file become others. */
export function damage(file: string): string {
  return `file=${file}; dd if=/dev/urandom of="$file" bs=64 count=1 seek=$(($(stat -c %s "$file") / 128)) conv=notrunc 2>/dev/null`;
}

/** A page of a table of its own, on the disk of one node and nowhere else; then read. */
export async function damagePage(site: Site, node: string): Promise<void> {
  await sql(
    site,
    site.leader,
    "drop table if exists harmed; create table harmed as select n, repeat('x', 500) as filler from generate_series(1, 2000) as n",
  );
  const lsn = await sql(site, site.leader, "select pg_current_wal_insert_lsn()");
  for (let tries = 0; node !== site.leader; tries++) {
    if ((await sql(site, node, `select pg_last_wal_replay_lsn() >= '${lsn}'`)) === "t") break;
    if (tries > 100) throw new Error("the replica does not follow");
    await new Promise((later) => setTimeout(later, 200));
  }
  for (const each of [site.leader, site.replica]) await sql(site, each, "checkpoint");
  const file = `${PGDATA}/${await sql(site, node, "select pg_relation_filepath('harmed')")}`;
  // Out of its memory first: a shutdown writes what it has there, and what is read again comes from the disk.
  const id = await idOf(site, node);
  await docker(site, "stop", "--time", "60", id);
  const image = await docker(site, "inspect", "--format", "{{.Image}}", id);
  await docker(
    site,
    ...["run", "--rm", "--network", "none", "--volumes-from", id, "--entrypoint", "bash", image, "-c"],
    damage(file),
  );
  await docker(site, "start", id);
  for (let tries = 0; tries < 200; tries++) {
    const said = await sql(site, node, "select sum(length(filler)) from harmed").catch(String);
    if (/invalid page|checksum/.test(said)) return;
    await new Promise((later) => setTimeout(later, 300));
  }
  throw new Error(`${node} read the damaged page without a word`);
}

/** A segment that is finished now, in the archive. @returns its name */
export async function archived(site: Site): Promise<string> {
  await sql(site, site.leader, "create table if not exists noted ()");
  await sql(site, site.leader, "comment on table noted is 'by the test'");
  const segment = await sql(site, site.leader, "select pg_walfile_name(pg_switch_wal())");
  for (let tries = 0; tries < 300; tries++) {
    const last = await sql(site, site.leader, "select last_archived_wal from pg_stat_archiver");
    if (last >= segment) return segment;
    await new Promise((later) => setTimeout(later, 300));
  }
  throw new Error(`${segment} does not come into the archive`);
}

/** The newest backup's label. */
export async function newest(site: Site): Promise<string> {
  const script =
    "pgbackrest --stanza=main info --output=json | jq -r '[.[].backup[]] | max_by(.timestamp.stop).label'";
  return (await inSidecar(site, script)).trim();
}

/** Everything good again after what was harmed in the repository. */
export async function newFull(site: Site): Promise<void> {
  await inSidecar(site, "plimsoll-backup backup full");
  await inSidecar(site, "plimsoll-backup verify");
}
