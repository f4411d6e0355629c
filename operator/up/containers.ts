/** What the engine says about a project's containers, as little of it as decides. */
import type Docker from "dockerode";

export const PROJECT_LABEL = "com.docker.compose.project";
export const SERVICE_LABEL = "com.docker.compose.service";
/** Of the copy of the database that `plimsoll restore` makes: its project. */
export const COPY_LABEL = "plimsoll.copy";
/** Of what a restore in place restores ahead: its project. */
export const AHEAD_LABEL = "plimsoll.ahead";

export type Container = {
  id: string;
  service: string;
  status: "created" | "running" | "restarting" | "exited" | "paused" | "removing" | "dead";
  health?: "starting" | "healthy" | "unhealthy";
  exitCode: number;
  restarts: number;
  outOfMemory: boolean;
  /** Milliseconds of the epoch; 0 where it never ran. */
  startedAt: number;
  /** Output of the last probe. */
  probe?: string;
};

export async function containersOf(docker: Docker, project: string): Promise<Container[]> {
  const listed = await docker.listContainers({
    all: true,
    filters: { label: [`${PROJECT_LABEL}=${project}`] },
  });
  const found = await Promise.all(
    listed
      // `docker compose run` leaves containers of the same service beside the service.
      .filter(({ Labels }) => Labels["com.docker.compose.oneoff"] !== "True")
      .map(({ Id, Labels }) => inspect(docker, Id, Labels[SERVICE_LABEL] ?? "")),
  );
  return found.filter((container) => container !== undefined);
}

async function inspect(docker: Docker, id: string, service: string): Promise<Container | undefined> {
  try {
    const { State, RestartCount } = await docker.getContainer(id).inspect();
    const health = State.Health;
    return {
      id,
      service,
      status: State.Status as Container["status"],
      health: health && health.Status !== "none" ? (health.Status as Container["health"]) : undefined,
      exitCode: State.ExitCode,
      restarts: RestartCount,
      outOfMemory: State.OOMKilled,
      startedAt: Math.max(0, Date.parse(State.StartedAt)),
      probe: health?.Log?.at(-1)?.Output,
    };
  } catch {
    // Replaced between the list and the look.
    return undefined;
  }
}
