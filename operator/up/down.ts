/** Takes a project away by its label alone: no file of it has to be there, let alone be right. */
import type { Engine } from "../engine/find.ts";
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { AHEAD_LABEL, COPY_LABEL, PROJECT_LABEL } from "./containers.ts";

export type Holdings = { containers: string[]; networks: string[]; volumes: string[] };

export type DownOptions = { volumes: boolean; say(line: string): void; signal?: AbortSignal };

/** What the engine holds of a project. */
export async function holdingsOf({ docker }: Engine, project: string): Promise<Holdings> {
  const filters = { label: [`${PROJECT_LABEL}=${project}`] };
  const [containers, networks, { Volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ]);
  return {
    containers: containers.map(({ Names, Id }) => Names[0]?.slice(1) ?? Id).sort(),
    networks: networks.map(({ Name }) => Name).sort(),
    volumes: (Volumes ?? []).map(({ Name }) => Name).sort(),
  };
}

/** Safe to run again. @returns what was removed. @throws Problem with what could not be. */
export async function takeDown(
  host: Host,
  engine: Engine,
  project: string,
  options: DownOptions,
): Promise<Holdings> {
  const before = await holdingsOf(engine, project);
  if (before.containers.length > 0) {
    options.say(
      `Stopping ${before.containers.length} containers of ${project}; databases get the time they need`,
    );
  }
  await removeOneOffs(engine, project);
  const args = ["compose", "--ansi", "never", "--project-name", project, "down", "--remove-orphans"];
  const outcome = await host.run("docker", options.volumes ? [...args, "--volumes"] : args, {
    // Compose looks for a file here and above: there must be none, or it would be taken for this project's.
    cwd: "/",
    environment: { DOCKER_HOST: engine.endpoint, COMPOSE_PROFILES: "*" },
    signal: options.signal,
    onLine(line) {
      const stopped = /^\s*Container (\S+)\s+Stopped/.exec(line)?.[1];
      if (stopped) options.say(`  ${stopped} stopped`);
    },
  });
  options.signal?.throwIfAborted();
  if (options.volumes) await removeVolumes(engine, project);
  const after = await holdingsOf(engine, project);
  const left = [...after.containers, ...after.networks, ...(options.volumes ? after.volumes : [])];
  if (left.length > 0) {
    throw new Problem(
      `could not be removed: ${left.join(", ")}\n${outcome.stderr.trim().split("\n").slice(-5).join("\n")}`,
      "Run this again; if it stays, docker ps -a says what holds it.",
    );
  }
  return {
    containers: before.containers,
    networks: before.networks,
    volumes: before.volumes.filter((name) => !after.volumes.includes(name)),
  };
}

/** Without a Compose file, `down --volumes` knows only the volumes of containers that still exist. */
async function removeVolumes(engine: Engine, project: string): Promise<void> {
  for (const name of (await holdingsOf(engine, project)).volumes) {
    await engine.docker
      .getVolume(name)
      .remove()
      .catch(() => undefined);
  }
}

/** Compose leaves one-offs that run, and with them their networks. */
async function removeOneOffs({ docker }: Engine, project: string): Promise<void> {
  for (const label of [COPY_LABEL, AHEAD_LABEL]) {
    const filters = { label: [`${label}=${project}`] };
    for (const { Id } of await docker.listContainers({ all: true, filters }))
      await docker
        .getContainer(Id)
        .remove({ force: true })
        .catch(() => undefined);
  }
}
