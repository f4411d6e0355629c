/** What runs, how it is, and how near its limits it comes. */
import type Docker from "dockerode";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { databaseNotes } from "../database/notes.ts";
import { type EdgeGroup, readEdge } from "./edge.ts";
import { cpuOf, memoryOf, type Stats } from "./load.ts";
import type { Listed, Running } from "./running.ts";

export type PsRow = {
  service: string;
  /** `server`: behind the edge. `spare`: runs during a deploy. `job`: ends. `run`: a one-off of somebody's. */
  kind: "server" | "spare" | "process" | "job" | "service" | "run";
  /** `healthy`, `starting`, `unhealthy`, `running`, `done`, `failed`, `waiting`, `missing`, or as Docker says it. */
  state: string;
  /** Whether it is as it should be. */
  well: boolean;
  release?: string;
  /** Seconds since it was started; of a job, since it ended. */
  seconds?: number;
  restarts?: number;
  /** Cores. */
  cpu?: { used: number; limit?: number };
  /** Bytes. */
  memory?: { used: number; limit?: number };
  /** Only of servers behind the edge. */
  weight?: number;
  in_flight?: number;
  suspected?: boolean;
  note?: string;
};

export type Ps = {
  project: string;
  maintenance: boolean;
  rows: PsRow[];
  /** What of the database waits for a person, in sentences. */
  notes: string[];
};

/** @param load false: without CPU and memory, which take a second of watching */
export async function ps(running: Running, { load = true } = {}): Promise<Ps> {
  const { docker } = running.project.engine;
  const [edge, notes, looked] = await Promise.all([
    readEdge(running),
    databaseNotes(running),
    Promise.all(running.containers.map((container) => look(docker, container, load))),
  ]);
  const rows = rowsOf(
    running.project.plan,
    looked.filter((one) => one !== undefined),
    edge ?? {},
    Date.now(),
  );
  const maintenance = Object.values(edge ?? {}).some((group) => group.maintenance);
  return { project: running.project.name, maintenance, rows, notes };
}

export type Looked = {
  container: Listed;
  inspected: Pick<Docker.ContainerInspectInfo, "State" | "RestartCount" | "HostConfig" | "Config">;
  stats?: Stats;
};

async function look(docker: Docker, container: Listed, load: boolean): Promise<Looked | undefined> {
  const one = docker.getContainer(container.id);
  try {
    const [inspected, stats] = await Promise.all([
      one.inspect(),
      // Two readings a second apart: the share of a CPU is a difference.
      load && container.state === "running" ? one.stats({ stream: false }).catch(() => undefined) : undefined,
    ]);
    return { container, inspected, stats: stats as Stats | undefined };
  } catch {
    // Removed between the list and the look.
    return undefined;
  }
}

/** In the order of the plan; what the plan does not know comes last. */
export function rowsOf(
  plan: Pick<PlanJson, "services" | "application">,
  looked: readonly Looked[],
  edge: Readonly<Record<string, EdgeGroup>>,
  now: number,
): PsRow[] {
  const { application } = plan;
  const atEdge = Object.assign(
    {},
    ...Object.values(edge).map(({ servers }) => servers),
  ) as EdgeGroup["servers"];
  const kindOf = (service: string): PsRow["kind"] => {
    if (service === application?.spare.service) return "spare";
    if (application?.servers.some((server) => server.service === service)) return "server";
    if (application?.processes.includes(service)) return "process";
    return plan.services[service]?.one_shot ? "job" : "service";
  };
  const row = (service: string, kind: PsRow["kind"], found: Looked | undefined): PsRow => {
    const server = kind === "server" || (kind === "spare" && found) ? atEdge[service] : undefined;
    return {
      service,
      kind,
      ...(found ? stateOf(kind, found, now) : absent(kind)),
      ...(found && { release: releaseOf(found) ?? server?.release ?? undefined }),
      ...(server && { weight: server.weight, in_flight: server.in_flight, suspected: server.suspected }),
    };
  };
  const own = looked.filter(({ container }) => !container.oneOff);
  const expected = [...Object.keys(plan.services), ...(application ? [application.spare.service] : [])];
  const of = (service: string) => own.find(({ container }) => container.service === service);
  const strangers = own.filter(({ container }) => !expected.includes(container.service));
  return [
    ...expected.map((service) => row(service, kindOf(service), of(service))),
    ...strangers.map((found) => ({
      ...row(found.container.service, "service", found),
      well: false,
      note: "no service of what was deployed",
    })),
    ...looked
      .filter(({ container }) => container.oneOff)
      .map((found) => ({ ...row(found.container.name, "run", found), note: runNote(found) })),
  ];
}

function absent(kind: PsRow["kind"]): Pick<PsRow, "state" | "well" | "note"> {
  if (kind === "spare") return { state: "resting", well: true, note: "starts during a deploy" };
  return { state: "missing", well: false, note: "has no container" };
}

function stateOf(kind: PsRow["kind"], { inspected, stats }: Looked, now: number) {
  const { State, RestartCount, HostConfig } = inspected;
  const health = State.Health && State.Health.Status !== "none" ? State.Health.Status : undefined;
  const ended = State.Status === "exited" || State.Status === "dead";
  const since = Date.parse(ended ? State.FinishedAt : State.StartedAt);
  const common = {
    ...(since > 0 && { seconds: Math.max(0, Math.round((now - since) / 1000)) }),
    restarts: RestartCount,
  };
  if (kind === "job" && ended) {
    const done = State.ExitCode === 0;
    return { ...common, state: done ? "done" : "failed", well: done, ...(!done && { note: ending(State) }) };
  }
  if (ended) return { ...common, state: State.Status, well: kind === "run", note: ending(State) };
  const state = State.Status === "running" ? (health ?? "running") : State.Status;
  return {
    ...common,
    state,
    well: state === "healthy" || state === "running" || state === "starting",
    ...(stats && {
      cpu: { used: cpuOf(stats), limit: HostConfig.NanoCpus ? HostConfig.NanoCpus / 1e9 : undefined },
      memory: { used: memoryOf(stats), limit: HostConfig.Memory || undefined },
    }),
  };
}

function ending({ ExitCode, OOMKilled }: { ExitCode: number; OOMKilled: boolean }): string {
  return `exit code ${ExitCode}${OOMKilled ? ", killed for want of memory" : ""}`;
}

/** The application is told its release; everything else has none of its own. */
function releaseOf({ inspected, container }: Looked): string | undefined {
  const told = inspected.Config.Env?.find((line) => line.startsWith("RELEASE="))?.slice("RELEASE=".length);
  return container.labels["plimsoll.release"] ?? told;
}

function runNote({ container }: Looked): string {
  return `one-off${container.labels["plimsoll.by"] ? ` of ${container.labels["plimsoll.by"]}` : ""}`;
}
