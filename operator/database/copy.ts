/** psql on the copy that `restore` made: inside of its container, which nobody else reaches. */
import { dockerArgs, type Listed, type Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { COPY_LABEL } from "../up/containers.ts";

/** @throws Problem where there is none, or it does not run */
export function copyOf({ containers, site }: Running): Listed {
  const copy = containers.find(({ labels }) => labels[COPY_LABEL] === site.project);
  if (!copy)
    throw new Problem(
      "there is no copy of the database",
      `Make one: plimsoll restore ${site.environment} --to "2026-11-20 14:05:00+03"`,
      2,
    );
  if (copy.state === "running") return copy;
  throw new Problem(
    `the copy does not run: its container is ${copy.state}`,
    `Take it away and make it again: plimsoll restore ${site.environment} --drop-copy`,
  );
}

/** `docker` arguments of psql as the application's role. */
export function copyClient(running: Running, more: readonly string[], { tty }: { tty: boolean }): string[] {
  const psql = 'exec psql -h 127.0.0.1 -U app -d "$PLIMSOLL_DATABASE" "$@"';
  const words = ["bash", "-c", psql, "psql", ...more];
  return dockerArgs(running.project.engine, ["exec", tty ? "-it" : "-i", copyOf(running).id, ...words]);
}
