/** What is timed: pgBackRest as the sidecar has it, and its peers with the same work, all in the sidecar's container. */
import { execa } from "execa";
import type { RunningStack } from "../e2e/engine.ts";

export type Work = {
  key: string;
  what: string;
  /** Bash in the sidecar. */
  script: string;
};

export type Took = {
  /** Seconds. */
  wall: number;
  /** Seconds of processor, of the sidecar and of the database together: what a busy machine does not blur. */
  cpu: number;
};

const SIDECAR = "backup-postgres";
const DATA = "/nodes/postgres-1/18/docker";
const MADE = "/trial/bench/made";
/** A base backup that restores are compared with. */
const BASE = "/trial/bench/base";
/** As the sidecar says which of the nodes is the primary. */
const BACKUP =
  "pgbackrest --stanza=main --pg1-path=/var/lib/postgresql/postgres-1/18/docker --pg1-socket-path=/nodes/postgres-1/run --log-level-console=warn backup";
const RESTORE = `mkdir -m 0700 ${MADE} && pgbackrest --stanza=main --pg1-path=${MADE} --archive-mode=off --log-level-console=warn restore`;
/** Fast checkpoint on both sides; the password comes from stdin. */
const BASEBACKUP = `read -r PGPASSWORD; export PGPASSWORD; pg_basebackup -h postgres-1 -U replication --checkpoint=fast`;

export const FULL: Work[] = [
  {
    key: "full",
    what: "pgBackRest, full: zstd 3, SHA-1, page checksums, blocks, fsync",
    script: `${BACKUP} --type=full`,
  },
  {
    key: "basebackup",
    what: "pg_basebackup: zstd 3, CRC-32C, page checksums, WAL, fsync",
    script: `${BASEBACKUP} -D ${MADE} -Ft --compress=server-zstd:3`,
  },
  {
    key: "sha256",
    what: "the same with SHA-256, its nearest to SHA-1",
    script: `${BASEBACKUP} -D ${MADE} -Ft --compress=server-zstd:3 --manifest-checksums=SHA256`,
  },
  { key: "plain", what: "pg_basebackup, uncompressed", script: `${BASEBACKUP} -D ${MADE}` },
  { key: "copy", what: "cp -a of the files, then sync", script: `cp -a ${DATA} ${MADE} && sync -f ${MADE}` },
];

export const RESTORES: Work[] = [
  { key: "restore", what: "pgBackRest, restore: zstd, SHA-1, fsync", script: RESTORE },
  { key: "one", what: "the same with one process", script: `${RESTORE} --process-max=1` },
  {
    key: "copy",
    what: "cp -a of a base backup, then sync",
    script: `cp -a ${BASE} ${MADE} && sync -f ${MADE}`,
  },
  {
    key: "checked",
    what: "the same, then its checksums read (pg_verifybackup)",
    script: `cp -a ${BASE} ${MADE} && sync -f ${MADE} && pg_verifybackup --no-parse-wal ${MADE}`,
  },
  {
    key: "recovered",
    what: "pgBackRest, restore and recovery to the end",
    script: `${RESTORE} && ${recover("archive")}`,
  },
  {
    key: "started",
    what: "cp -a, sync, and recovery of the base backup's own log",
    script: `cp -a ${BASE} ${MADE} && sync -f ${MADE} && ${recover("none")}`,
  },
];

export const DIFFERENCES: Work[] = [
  { key: "diff", what: "pgBackRest, differential", script: `${BACKUP} --type=diff` },
  { key: "incr", what: "pgBackRest, incremental", script: `${BACKUP} --type=incr` },
  {
    key: "delta",
    what: "the same by checksum (--delta), as it is where a replica is read",
    script: `${BACKUP} --type=incr --delta`,
  },
];

/** As a verification does it; `archive` fetches the log from the repository. */
function recover(from: "archive" | "none"): string {
  const get = `pgbackrest --stanza=main --pg1-path=${MADE} --no-archive-async archive-get %f "%p"`;
  const settings = [
    "config_file=/usr/local/share/plimsoll/verify.conf",
    "unix_socket_directories=/tmp",
    "shared_buffers=64MB",
    ...(from === "archive" ? [`restore_command=${get}`] : []),
  ];
  const words = settings.map((setting) => `-c '${setting}'`).join(" ");
  return `{ postgres -D ${MADE} ${words} >/tmp/bench-server.log 2>&1 & server=$!
    until psql -h /tmp -U postgres -XAtwc 'select 1' >/dev/null 2>&1; do
      kill -0 $server || { tail -n 3 /tmp/bench-server.log; exit 1; }; sleep 0.05
    done; }`;
}

const AFTER = `[[ -z \${server-} ]] || { kill -INT $server; wait $server; }`;

export async function prepare(stack: RunningStack): Promise<void> {
  await run(stack, "rm -rf /trial/bench && mkdir -m 0700 /trial/bench");
}

/** The base backup that restores are compared with, of the data as they are now. */
export async function makeBase(stack: RunningStack): Promise<void> {
  await run(stack, `rm -rf ${BASE}; ${BASEBACKUP} -D ${BASE}`);
}

/** @throws where it fails: what did not work has no speed */
export async function timed(stack: RunningStack, { script }: Work): Promise<Took> {
  // Warm on both sides: the pages of the data and of what restores read.
  await run(stack, `cat $(find ${DATA}/base /trial/bench -type f) >/dev/null; sync`);
  const before = await processorOf(stack);
  const said = await run(
    stack,
    `began=$EPOCHREALTIME; { ${script}; } >/tmp/bench.log 2>&1 || { tail -n 5 /tmp/bench.log >&2; exit 1; }
     ended=$EPOCHREALTIME; echo $((\${ended/./} - \${began/./})); ${AFTER}`,
  );
  const cpu = (await processorOf(stack)) - before;
  await run(stack, `rm -rf ${MADE}`);
  return { wall: Number(said.trim()) / 1e6, cpu };
}

/** The password of replication is on its stdin. */
async function run(stack: RunningStack, script: string): Promise<string> {
  const input = `${await stack.secret("postgres_replication_password")}\n`;
  const { stdout: id } = await stack.compose("ps", "--quiet", SIDECAR);
  const env = { DOCKER_HOST: stack.engine.endpoint };
  return (await execa("docker", ["exec", "-i", id.trim(), "bash", "-c", script], { input, env })).stdout;
}

/** Seconds since their start, of both containers. */
async function processorOf({ engine, project }: RunningStack): Promise<number> {
  let sum = 0;
  for (const service of [SIDECAR, "postgres-1"]) {
    const label = [`com.docker.compose.project=${project}`, `com.docker.compose.service=${service}`];
    const [found] = await engine.docker.listContainers({ filters: { label } });
    const stats = await engine.docker
      .getContainer(found?.Id ?? "")
      .stats({ stream: false, "one-shot": true });
    sum += stats.cpu_stats.cpu_usage.total_usage / 1e9;
  }
  return sum;
}
