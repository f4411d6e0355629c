/** What a failover is measured by: writes through the proxy, and requests through the edge, each ten times a second. */
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { localHost } from "../host/local.ts";
import { openClient } from "../load/client.ts";
import { targetOf } from "../load/target.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { whoami } from "../settings/who.ts";
import { engineEnvironment } from "../up/project.ts";
import { DRILLING, drilling, drillScript } from "./script.ts";

/** Milliseconds of the epoch, all by our clock: the host's may be another, and what is counted is between them. */
export type Write = { n: number; acknowledged: boolean; began: number; ended: number };
export type Request = { ok: boolean; began: number; ended: number };

export type Probe<One> = { seen: readonly One[]; stop(): Promise<void> };

/** @throws Problem where no write comes through, or another drill is held: nothing was begun then */
export async function probeWrites({ site, project }: Running, node: string): Promise<Probe<Write>> {
  const seen: Write[] = [];
  const input = new PassThrough();
  let open: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    open = resolve;
  });
  let failure: string | undefined;
  const ended = site.host.script(drillScript("probe"), [site.state, project.name, node, whoami()], {
    environment: engineEnvironment(project),
    input,
    onLine(line) {
      if (line === "ready") return open();
      if (line.startsWith("failed ")) failure = line.slice("failed ".length);
      const [, word, n, began, until] = /^(ok|no) (\d+) (\d{16}) (\d{16})$/.exec(line) ?? [];
      if (!word) return;
      const now = Date.now();
      const took = (Number(until) - Number(began)) / 1000;
      seen.push({ n: Number(n), acknowledged: word === "ok", began: now - took, ended: now });
    },
  });
  const over = ended.then(({ exitCode, stderr }) => {
    if (exitCode === DRILLING) throw drilling(site.environment);
    throw new Problem(
      `no write comes through the proxy: ${failure ?? (stderr.trim().split("\n").at(-1) || `exit code ${exitCode}`)}`,
      `How things are: plimsoll ps ${site.environment}`,
    );
  });
  over.catch(() => undefined);
  await Promise.race([ready, over]).catch((error) => {
    input.end();
    throw error;
  });
  return {
    seen,
    async stop() {
      input.end();
      await ended;
    },
  };
}

/** @returns undefined where the stack has no edge, or it does not answer well before anything is begun */
export async function probeRequests(running: Running): Promise<Probe<Request> | undefined> {
  const target = await targetOf(running, localHost()).catch(() => undefined);
  if (!target) return undefined;
  const { application, routes } = running.project.plan;
  const client = openClient(target, 16);
  const ask = (path: string) => client.ask({ method: "GET", path }, 5);
  const well = ({ status }: { status: number }) => status > 0 && status < 400;
  const paths = [application?.ready, application?.health, routes[0]?.health].filter(
    (path) => path !== undefined,
  );
  let path: string | undefined;
  for (const one of paths) path ??= well(await ask(one)) ? one : undefined;
  if (path === undefined) {
    client.close();
    return undefined;
  }
  const asked = path;
  const seen: Request[] = [];
  const open = new Set<Promise<void>>();
  let going = true;
  async function one(): Promise<void> {
    const began = Date.now();
    const { status } = await ask(asked);
    // One that nginx limits says nothing of the database.
    if (status !== 429) seen.push({ ok: status > 0 && status < 400, began, ended: Date.now() });
  }
  const loop = (async () => {
    while (going) {
      const request: Promise<void> = one().finally(() => open.delete(request));
      open.add(request);
      await sleep(100);
    }
    await Promise.all(open);
  })();
  return {
    seen,
    async stop() {
      going = false;
      await loop;
      client.close();
    },
  };
}

/** Seconds of the longest time between two of them that went well, from a moment to another (milliseconds). */
export function longestSilence(ends: readonly number[], from: number, to: number): number {
  const inside = ends.filter((at) => at > from && at < to).sort((one, other) => one - other);
  const marks = [from, ...inside, to];
  return Math.max(0, ...marks.slice(1).map((at, index) => at - (marks[index] as number))) / 1000;
}
