/** A one-off: the application's image as it runs now, with its environment and secrets, beside what serves. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import { whoami } from "../settings/who.ts";
import { composeArgs, engineEnvironment } from "../up/project.ts";
import type { Terminal } from "./exec.ts";
import { dockerArgs, type Running } from "./running.ts";

/** Its name in Compose and on the networks: a container that kept a server's host name would be found as that server. */
const SERVICE = "plimsoll-run";

export type RunRequest = {
  /** The service it is like; the first server if absent. */
  like?: string;
  /** What it runs; or a line as stack.yaml has it, which Compose splits. */
  command: readonly string[] | { line: string | readonly string[] };
  terminal: Terminal;
};

export type Prepared = {
  name: string;
  /** Arguments of `docker`. */
  args: string[];
  environment: Record<string, string>;
};

/** Lays what Compose must know on the host: one round trip. @throws Problem where the stack has no application */
export async function prepareRun(running: Running, request: RunRequest): Promise<Prepared> {
  const { project, site } = running;
  const like = request.like ?? project.plan.application?.servers[0]?.service;
  if (!like || !(like in project.plan.services))
    throw new Problem("the stack has no application", undefined, 2);
  const { command } = request;
  const definition = definitionOf(join(project.folder, "compose.yaml"), like, command);
  const file = join(
    site.state,
    "run",
    `${like}-${Buffer.from(definition).length}-${randomBytes(4).toString("hex")}.json`,
  );
  await lay(running, file, definition);
  const name = `${project.name}-run-${randomBytes(3).toString("hex")}`;
  const { stdin, stdout } = request.terminal;
  return {
    name,
    environment: engineEnvironment(project),
    args: dockerArgs(project.engine, [
      ...composeArgs(project),
      "--file",
      file,
      "--progress",
      "quiet",
      "run",
      // The engine removes it when its command ends, whatever became of us.
      "--rm",
      "--no-deps",
      ...(stdin && stdout ? [] : ["--no-TTY"]),
      "--name",
      name,
      "--label",
      `plimsoll.by=${whoami()}`,
      SERVICE,
      ...("line" in command ? [] : command),
    ]),
  };
}

/** Compose reads the file as its own: `$` is doubled. */
export function definitionOf(composeFile: string, like: string, command: RunRequest["command"]): string {
  const service = {
    extends: { file: composeFile, service: like },
    hostname: SERVICE,
    healthcheck: { disable: true },
    environment: { SERVER_NAME: "run" },
    profiles: [SERVICE],
    ...("line" in command && { command: command.line }),
  };
  return `${JSON.stringify({ services: { [SERVICE]: service } }).replaceAll("$", "$$$$")}\n`;
}

/** Files of one-offs that ended are removed after a day: Compose reads one at the beginning only. */
const LAY = `set -euo pipefail
umask 077
mkdir -p -- "$(dirname -- "$1")"
find "$(dirname -- "$1")" -name '*.json' -mmin +1440 -delete
cat >"$1"`;

async function lay({ site }: Running, file: string, text: string): Promise<void> {
  requireDone(site, await site.host.script(LAY, [file], { input: text }), "preparing the one-off");
}

/** In the user's terminal. @returns the command's exit code */
export async function runInteractive(running: Running, request: RunRequest): Promise<number> {
  const { args, environment } = await prepareRun(running, request);
  const { stdin, stdout } = request.terminal;
  return running.site.host.interactive("docker", args, { tty: stdin && stdout, environment });
}
