/** What the items look at, each thing looked at once: the sources here, the host in one script, what runs in another. */
import { execFile } from "node:child_process";
import { lookup } from "node:dns/promises";
import { join } from "node:path";
import type { Alertmanager } from "../../generator/components/alertmanager/options.ts";
import type { Api } from "../../generator/components/api/options.ts";
import type { Backup } from "../../generator/components/backup/options.ts";
import type { Nginx } from "../../generator/components/nginx/options.ts";
import { produce } from "../../generator/index.ts";
import { type PlanJson, planJson } from "../../generator/render/plan-json.ts";
import type { Spec } from "../../generator/spec/load.ts";
import type { StackSource } from "../../generator/stack.ts";
import type { Outcome } from "../host/host.ts";
import type { Site } from "../site/site.ts";
import { type Facts, gather } from "./facts.ts";
import { expression, type Figures, parseFigures } from "./figures.ts";
import { type Load, parseLoad } from "./load-report.ts";

/** `figures`: of Prometheus; undefined where none answers. */
export type Running = Facts & { figures: Figures | undefined };

export type CheckContext = {
  site: Pick<Site, "host" | "environment" | "domain">;
  plan: PlanJson;
  objectives: Spec["core"]["objectives"];
  drills: Spec["core"]["drills"];
  api: Api;
  nginx: Nginx;
  backup: Backup | undefined;
  /** Undefined where the stack has no Alertmanager. */
  alertmanager: Alertmanager | undefined;
  /** The application's sources on this machine; undefined where stack.yaml names only an image. */
  folder: string | undefined;
  stackFolder: string;
  /** The host, in one round trip. */
  machine(): Promise<Facts>;
  /** What runs there, in another; undefined where nothing does. */
  running(): Promise<Running | undefined>;
  /** Reports of `plimsoll load`, the weightier first: of staging where it can be reached, of this environment. */
  loads(): Promise<Load[]>;
  /** A command on this machine; in the stack's folder if it names no other. */
  run(command: string, args: readonly string[], options?: LocalOptions): Promise<Outcome>;
  /** One answer for all items that ask the same. */
  once<Value>(key: string, work: () => Promise<Value>): Promise<Value>;
  /** Addresses of a name, as this machine sees them. */
  addressesOf(name: string): Promise<string[]>;
  /** Milliseconds of the epoch, here. */
  now(): number;
};

export type LocalOptions = { cwd?: string; signal?: AbortSignal };

export type ContextInput = {
  site: Site;
  spec: Spec;
  source: StackSource;
  /** The text of staging's load report. */
  stagingLoad?(): Promise<string | undefined>;
  signal?: AbortSignal;
};

export function makeContext({ site, spec, source, stagingLoad, signal }: ContextInput): CheckContext {
  const plan = planJson(produce(source, site.environment).plan);
  const api = spec.options.get("api") as Api;
  const path = api.checks.folder ?? api.build?.context;
  const once = keeper();
  const machine = () => once("machine", () => lookAtMachine(site, signal));
  return {
    site,
    plan,
    objectives: spec.core.objectives,
    drills: spec.core.drills,
    api,
    nginx: spec.options.get("nginx") as Nginx,
    backup: spec.options.get("backup") as Backup | undefined,
    alertmanager: spec.options.get("alertmanager") as Alertmanager | undefined,
    folder: path === undefined ? undefined : join(source.folder, path),
    stackFolder: source.folder,
    machine,
    running: () =>
      once("running", async () => {
        const facts = await gather(site.host, "running.bash", runningArguments(site, plan), { signal });
        const text = facts.one("prometheus");
        if (!facts.number("containers")) return undefined;
        return { ...facts, figures: text ? parseFigures(text) : undefined };
      }),
    loads: () =>
      once("loads", async () => {
        const own = (await machine()).encoded("checks_load");
        return [await stagingLoad?.().catch(() => undefined), own].flatMap(parseLoad);
      }),
    run: (command, args, { cwd = source.folder, signal: own = signal } = {}) =>
      runHere(command, args, cwd, own),
    once,
    addressesOf: async (name) =>
      (await lookup(name, { all: true }).catch(() => [])).map(({ address }) => address),
    now: () => Date.now(),
  };
}

export function lookAtMachine(
  site: Pick<Site, "host" | "live" | "secrets" | "state">,
  signal?: AbortSignal,
): Promise<Facts> {
  return gather(site.host, "machine.bash", [site.live, site.secrets, site.state], { signal });
}

export function keeper(): CheckContext["once"] {
  const kept = new Map<string, Promise<unknown>>();
  return <Value>(key: string, work: () => Promise<Value>) => {
    if (!kept.has(key)) kept.set(key, work());
    return kept.get(key) as Promise<Value>;
  };
}

function runningArguments(site: Site, plan: PlanJson): string[] {
  const tls = plan.services.nginx?.ports.some(({ target }) => target === 8443);
  const paths = [...new Set([plan.application?.health ?? "/health", ...plan.deploy.smoke])];
  return [site.project, plan.domain, tls ? "8443" : "8080", expression(), ...paths];
}

function runHere(
  command: string,
  args: readonly string[],
  cwd: string,
  signal?: AbortSignal,
): Promise<Outcome> {
  const env = { ...process.env, CI: "true", NO_COLOR: "1" };
  return new Promise((done) => {
    execFile(command, args, { cwd, signal, maxBuffer: 64 * 1024 ** 2, env }, (error, stdout, stderr) => {
      const code = (error as { code?: unknown } | null)?.code;
      const exitCode = error === null ? 0 : typeof code === "number" ? code : code === "ENOENT" ? 127 : 1;
      done({ exitCode, stdout, stderr });
    });
  });
}
