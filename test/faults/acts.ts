/** What is done to a running stack, and undone. */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../e2e/wait.ts";
import { docker, idOf, inSidecar, killServer, type Site, sql } from "./site.ts";

export type Undo = () => Promise<unknown>;
/**
 * @param undo gets what ends the fault before it is begun, so that a half of one is ended too; nothing where it ends by
 * itself, and the alert looks back at it for a while
 */
export type Begin = (site: Site, undo: (end: Undo) => void) => Promise<unknown>;

export const API = ["api-1", "api-2", "api-3"];

export function shell(site: Site, service: string, script: string): Promise<string> {
  return site.stack.exec(service, ["sh", "-c", script]);
}

/** It is there and answers nothing. */
export function hangs(service: string): Begin {
  return async (site, undo) => {
    const id = await idOf(site, service);
    undo(() => docker(site, "unpause", id));
    // On a busy machine the kernel now and then does not freeze it in time.
    await eventually(async () => void (await docker(site, "pause", id)));
  };
}

/** Four times. @param seconds until it was seen by a scrape, before the next time */
export function diesOften(service: string, seconds = 20): Begin {
  return async (site) => {
    for (let times = 0; times < 4; times++) {
      await eventually(() => killServer(site, service), 180);
      await sleep(seconds * 1000);
    }
  };
}

/** It has so many cores. @throws where it had no limit: the engine cannot take one away again */
export function hasCpu(service: string, cpus: number): Begin {
  return async (site, undo) => {
    const id = await idOf(site, service);
    const before = Number(await docker(site, "inspect", "--format", "{{.HostConfig.NanoCpus}}", id)) / 1e9;
    if (before === 0) throw new Error(`${service} has no limit of CPU`);
    const set = (share: number) => docker(site, "update", "--cpus", String(share), id);
    undo(() => set(before));
    await set(cpus);
  };
}

/** A folder in the sidecar takes nothing any more. */
export function takesNothing(folder: string): Begin {
  return (site, undo) => {
    const allow = (mode: string) => inSidecar(site, `find ${folder} -type d -exec chmod ${mode} {} +`);
    undo(() => allow("u+w"));
    return allow("a-w");
  };
}

/** A slot that nobody reads. */
export const slotLeftBehind: Begin = (site, undo) => {
  undo(() => sql(site, site.leader, "select pg_drop_replication_slot('left_behind')"));
  return sql(site, site.leader, "select pg_create_physical_replication_slot('left_behind', true)");
};

/** Megabytes that a slot may hold. */
export async function slotLimit(site: Site): Promise<number> {
  const setting = "select setting from pg_settings where name = 'max_slot_wal_keep_size'";
  return Number(await sql(site, site.leader, setting));
}

/** Log that no table has. */
export async function writeLog(site: Site, megabytes: number): Promise<void> {
  const message = "pg_logical_emit_message(false, 'filler', repeat('x', 1048576))";
  for (let written = 0; written < megabytes; written += 32)
    await sql(site, site.leader, `select count(${message}) from generate_series(1, 32)`);
}

/** Other text in the service's own file, and it is told. */
export function reads(service: "prometheus" | "alertmanager", text: string): Begin {
  return async (site, undo) => {
    const file = join(site.stack.folder, service, `${service}.yaml`);
    const whole = await readFile(file, "utf8");
    const tell = async (words: string) => {
      await writeFile(file, words);
      await docker(site, "kill", "--signal", "HUP", await idOf(site, service));
    };
    undo(() => tell(whole));
    await tell(text);
  };
}

/** A command that goes on in a container. */
export function goesOn(service: string, script: string): Begin {
  return async (site, undo) => {
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
    undo(() => shell(site, service, `kill ${Number(pid)} 2>/dev/null; true`));
  };
}

/** A script in which `cli` is redis-cli, as the one who looks after it. */
export function withRedis(script: string): string {
  return `export REDISCLI_AUTH=$(cat /run/secrets/redis_operator_password)
    cli() { redis-cli --no-auth-warning --user operator "$@"; }
    ${script}`;
}
