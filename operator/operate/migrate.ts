/** Migrations by hand: in the image of the current release, as a one-off. A deploy runs them by itself. */
import { join } from "node:path";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import { prepareRun } from "./run.ts";
import type { Running } from "./running.ts";

export type MigrateAction = "up" | "status" | "down";

/** @throws Problem (2) where stack.yaml has no such command */
export function migrateCommand(running: Running, action: MigrateAction): string | readonly string[] {
  const command = running.project.plan.commands[`migrate ${action}`];
  if (command !== undefined) return command;
  const known = Object.keys(running.project.plan.commands).filter((name) => name.startsWith("migrate "));
  throw new Problem(
    `stack.yaml has no command for it: api.migrate.${action}`,
    known.length > 0 ? `It has: ${known.join(", ")}` : "Give one: api.migrate.up: node dist/migrate.js up",
    2,
  );
}

/** Exit code of flock where a deploy holds the lock. */
const BUSY = 97;

/** @throws Problem where a deploy is at work, or the command failed: it has said why by then */
export async function migrate(
  running: Running,
  action: MigrateAction,
  options: { onLine(line: string): void; signal?: AbortSignal },
): Promise<void> {
  const { site, project } = running;
  const like = project.plan.application?.migrate;
  const { args, environment } = await prepareRun(running, {
    like,
    command: { line: migrateCommand(running, action) },
    terminal: { stdin: false, stdout: false },
  });
  // What only looks waits for nobody. Otherwise no deploy may begin meanwhile, on whatever laptop.
  const lock = ["--nonblock", "--conflict-exit-code", String(BUSY), join(site.state, "work.lock")];
  const outcome =
    action === "status"
      ? await site.host.run("docker", args, { environment, ...options })
      : await site.host.run("flock", [...lock, "docker", ...args], { environment, ...options });
  if (outcome.exitCode === BUSY) throw atWork(site.environment);
  if (outcome.exitCode === 0) return;
  throw new Problem(
    `migrate ${action} ended with exit code ${outcome.exitCode}`,
    action === "status" ? undefined : `What is applied now: plimsoll migrate ${site.environment} status`,
  );
}

export function atWork(environment: string): Problem {
  return new Problem(
    `a deploy is at work on ${environment}`,
    `Wait for it. What it does: plimsoll releases ${environment}`,
  );
}

/** `v12`; undefined before the first deploy. */
export async function currentRelease({ site }: Pick<Running, "site">): Promise<string | undefined> {
  const script = 'if [[ -e $1 ]]; then head -c 100 -- "$1"; fi';
  const outcome = await site.host.script(script, [join(site.state, "current")]);
  const word = requireDone(site, outcome, "reading the release").stdout.trim();
  return /^v\d+$/.test(word) ? word : undefined;
}
