/** What the engine on the host has to know of a release, as assignments of bash: every value quoted. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { quote } from "../host/quote.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";

export type ReleaseKind =
  | "deploy"
  | "canary"
  | "rollback"
  | "config"
  | "secrets"
  | "scale"
  | "recovery"
  | "drill";

export type EngineOptions = {
  version: string;
  /** The current release; absent for the first. */
  previous?: { version: string; plan: PlanJson };
  kind: ReleaseKind;
  by: string;
  /** In words, for the audit; no values. */
  what: string;
  /** Of the whole; 0 for no canary. */
  share: number;
  /** Whose secrets of the application are taken. */
  secretsFrom?: string;
};

/** @throws Problem where the stack has no application that could be replaced */
export function settingsEnv(site: Site, plan: PlanJson, options: EngineOptions): string {
  const { application, rollback, canary, deploy } = plan;
  if (!application) throw new Problem(`${plan.name} has no application: there is nothing to deploy`);
  const { spare } = application;
  const all = [...application.servers, spare];
  const before = options.previous?.plan.application?.servers ?? application.servers;
  const nodes = plan.backups.flatMap((backup) => ("cluster" in backup ? backup.cluster.nodes : []));
  const of = (name: string, value: string | number) => `${name}=${quote(String(value))}`;
  const list = (name: string, values: readonly string[]) => `${name}=(${values.map(quote).join(" ")})`;
  const table = (name: string, entries: readonly (readonly [string, number])[]) =>
    `declare -A ${name}=(${entries.map(([key, value]) => `[${quote(key)}]=${value}`).join(" ")})`;
  const names = (servers: readonly { service: string }[]) => servers.map(({ service }) => service);
  return [
    of("WHAT", options.what),
    of("STACK", plan.name),
    of("ENVIRONMENT", plan.environment),
    of("PROJECT", plan.project),
    of("ROOT", site.root),
    of("LIVE", site.live),
    of("SECRETS", site.secrets),
    of("VERSION", options.version),
    of("PREVIOUS", options.previous?.version ?? ""),
    of("KIND", options.kind),
    of("BY", options.by),
    of("DOMAIN", plan.domain),
    of("GROUP", application.group),
    of("NGINX", "nginx"),
    list("SERVERS", names(application.servers)),
    list("OLD_SERVERS", names(before)),
    of("SPARE", spare.service),
    list("PROCESSES", application.processes),
    table(
      "PORTS",
      all.map(({ service, port }) => [service, port]),
    ),
    table(
      "METRICS_PORTS",
      all.flatMap(({ service, metrics }) => (metrics === undefined ? [] : [[service, metrics] as const])),
    ),
    of("MIGRATE", application.migrate ?? ""),
    list("MIGRATE_STATUS", application.migrate ? wordsOf(plan.commands["migrate status"]) : []),
    of("READY_PATH", application.ready),
    of("HEALTH_PATH", application.health),
    // A server that its own healthcheck gives a minute may take as long here, and some more on a busy machine.
    of("READY_FOR", 120),
    of("DRAIN", Math.ceil(deploy.drain)),
    of("STOP", application.stop),
    list("SMOKE", [`${application.health} 200`, ...deploy.smoke.map((path) => `${path} <400`)]),
    of("CANARY_SHARE", Math.round(options.share * 1000)),
    of("CANARY_FOR", Math.ceil(canary.for)),
    of("WATCH", Math.ceil(deploy.watch)),
    of("TRIGGER_ERRORS", rollback.errors),
    of("TRIGGER_P95", rollback.p95),
    of("TRIGGER_DATABASE", rollback.database_failures ? 1 : 0),
    of("TRIGGER_MEMORY", rollback.memory),
    of("TRIGGER_CPU", rollback.cpu),
    of("WINDOW", Math.ceil(rollback.window)),
    of("SAMPLES", rollback.samples),
    of("KEEP", deploy.keep),
    of("CACHE_KEEP", "4GB"),
    list("POSTGRES_NODES", nodes),
    of("SECRETS_FROM", options.secretsFrom ?? ""),
    list(
      "APP_SECRETS",
      plan.secrets.flatMap(({ name, component, kind }) =>
        component === "api" && kind !== "text" ? [name] : [],
      ),
    ),
    // On a laptop what nobody supplied is empty, as `generate` makes it.
    of("SUPPLY", plan.environment === "local" ? "empty" : "fault"),
    "",
  ].join("\n");
}

function wordsOf(command: string | readonly string[] | undefined): string[] {
  if (command === undefined) return [];
  if (typeof command !== "string") return [...command];
  return /["'\\$`;&|<>]/.test(command) ? ["sh", "-c", command] : command.split(/\s+/).filter(Boolean);
}
