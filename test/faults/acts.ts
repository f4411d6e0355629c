/** What is done to a running stack, and undone. */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/wait.ts";
import { docker, idOf, inSidecar, killServer, type Site, sql } from "./site.ts";

export function shell(site: Site, service: string, script: string): Promise<string> {
  return site.stack.exec(service, ["sh", "-c", script]);
}

/** It is there and answers nothing. */
export async function pause(site: Site, service: string): Promise<string> {
  return docker(site, "pause", await idOf(site, service));
}

export async function resume(site: Site, service: string): Promise<string> {
  return docker(site, "unpause", await idOf(site, service));
}

/** Four times. @param seconds until it was seen by a scrape, before the next time */
export async function dieOften(site: Site, service: string, seconds = 20): Promise<void> {
  for (let times = 0; times < 4; times++) {
    await eventually(() => killServer(site, service), 60);
    await sleep(seconds * 1000);
  }
}

export async function cores(site: Site, service: string, share: number): Promise<void> {
  await docker(site, "update", "--cpus", String(share), await idOf(site, service));
}

/** A folder in the sidecar takes nothing any more. */
export function closed(site: Site, folder: string): Promise<string> {
  return inSidecar(site, `find ${folder} -type d -exec chmod a-w {} +`);
}

export function opened(site: Site, folder: string): Promise<string> {
  return inSidecar(site, `find ${folder} -type d -exec chmod u+w {} +`);
}

/** Log that no table has. */
export async function writeLog(site: Site, megabytes: number): Promise<void> {
  const message = "pg_logical_emit_message(false, 'filler', repeat('x', 1048576))";
  for (let written = 0; written < megabytes; written += 32)
    await sql(site, site.leader, `select count(${message}) from generate_series(1, 32)`);
}

const whole = new Map<string, string>();

/** Other text in the service's own file, or what it had; then it is told. */
export async function reload(
  site: Site,
  service: "prometheus" | "alertmanager",
  text?: string,
): Promise<void> {
  const file = join(site.stack.folder, service, `${service}.yaml`);
  if (!whole.has(file)) whole.set(file, await readFile(file, "utf8"));
  await writeFile(file, text ?? (whole.get(file) as string));
  await docker(site, "kill", "--signal", "HUP", await idOf(site, service));
}

/** A command that goes on in a container until what is returned is called. */
export async function goOn(site: Site, service: string, script: string): Promise<() => Promise<unknown>> {
  const id = await idOf(site, service);
  const running = spawn(
    "docker",
    ["exec", id, "sh", "-c", `echo $$; exec sh -c '${script.replaceAll("'", `'\\''`)}'`],
    {
      env: { ...process.env, DOCKER_HOST: site.stack.engine.endpoint },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const pid = await new Promise<string>((known, gone) => {
    running.stdout.once("data", (bytes: Buffer) => known(bytes.toString().split("\n")[0] as string));
    running.once("exit", (code) => gone(new Error(`${service}: it ended with ${code}: ${script}`)));
  });
  return () => shell(site, service, `kill ${Number(pid)} 2>/dev/null; true`);
}

/** A script in which `cli` is redis-cli, as the one who looks after it. */
export function withRedis(script: string): string {
  return `export REDISCLI_AUTH=$(cat /run/secrets/redis_operator_password)
    cli() { redis-cli --no-auth-warning --user operator "$@"; }
    ${script}`;
}
