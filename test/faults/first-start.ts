/** Kills random processes of both PostgreSQL nodes while they start for the first time: it must end healthy and whole. */
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningStack } from "../e2e/engine.ts";
import { states } from "./states.ts";

const NODES = ["postgres-1", "postgres-2"];
const SERVICES = [...NODES, "postgres", "backup-postgres"];

export type FirstStart = { kills: number /** Seconds after the last kill. */; healthy: number };

/** @throws where the nodes are not healthy within `patience` seconds, or a write is not read on the replica */
export async function interruptFirstStart(stack: RunningStack, patience: number): Promise<FirstStart> {
  // Nothing is there: no data, no repository, no pointer.
  await must(stack, "rm", "--stop", "--force", ...SERVICES);
  for (const volume of [...NODES, "pgbackrest", "postgres-pointer"]) {
    await stack.engine.docker.getVolume(`${stack.project}_${volume}`).remove();
  }
  const starting = stack.compose("up", "--detach", "--no-build", ...SERVICES);
  let kills = 0;
  for (let attempt = 0; attempt < 6; attempt++) {
    await sleep(200 + Math.random() * 1500);
    const victims = (await Promise.all(NODES.map((node) => processesOf(stack, node)))).flat();
    const victim = victims[Math.floor(Math.random() * victims.length)];
    if (victim !== undefined && killed(victim)) kills += 1;
  }
  // Compose gives up where a dependency dies while it waits; the containers themselves come back. What it had not
  // started by then, it starts when it is asked again.
  await starting;
  const healthy = await untilWell(stack, SERVICES, patience, () =>
    stack.compose("up", "--detach", "--no-build", ...SERVICES),
  );
  const sql = (node: string, statement: string) =>
    stack.exec(node, ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db", "-Atc", statement]);
  await sql("postgres-1", "create table first_start as select 42 as answer");
  for (let attempt = 0; ; attempt++) {
    const read = await sql("postgres-2", "select answer, pg_is_in_recovery() from first_start").catch(String);
    if (read === "42|t") break;
    if (attempt > 50) throw new Error(`the replica does not have what was written: ${read}`);
    await sleep(200);
  }
  return { kills, healthy };
}

/** Seconds until all of them are well. */
async function untilWell(
  stack: RunningStack,
  services: readonly string[],
  patience: number,
  again: () => Promise<unknown>,
): Promise<number> {
  const began = performance.now();
  for (;;) {
    await again();
    const now = await states(stack);
    const unwell = services.filter((service) => now.get(service)?.well !== true);
    const seconds = (performance.now() - began) / 1000;
    if (unwell.length === 0) return seconds;
    if (seconds > patience) throw new Error(`after ${patience} s these are not well: ${unwell.join(", ")}`);
    await sleep(500);
  }
}

async function must(stack: RunningStack, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await stack.compose(...args);
  if (exitCode !== 0) throw new Error(`docker compose ${args.join(" ")}: ${stderr}`);
}

/** Every process of a container: the init, its script, initdb, pg_basebackup, the postmaster, a backend. */
async function processesOf(stack: RunningStack, service: string): Promise<number[]> {
  const [container] = await stack.engine.docker.listContainers({
    filters: {
      label: [`com.docker.compose.project=${stack.project}`, `com.docker.compose.service=${service}`],
    },
  });
  if (!container) return [];
  const { State } = await stack.engine.docker.getContainer(container.Id).inspect();
  return State.Pid > 0 ? withChildren(State.Pid) : [];
}

async function withChildren(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "utf8").catch(() => "")),
  );
  const children = lists.flatMap((list) => list.trim().split(" ").filter(Boolean).map(Number));
  return [pid, ...(await Promise.all(children.map(withChildren))).flat()];
}

function killed(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
