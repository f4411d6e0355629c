/** Whether all is well: what every reader knows of a stack, side by side, and what of it is wrong. */
import type { EnvironmentKind } from "../../generator/spec/core.ts";
import type { Spec } from "../../generator/spec/load.ts";
import { type Backups, readBackups } from "../database/backups.ts";
import { type Look as DatabaseLook, lookAtDatabase } from "../database/look.ts";
import type { Kept } from "../database/sidecars.ts";
import { nodesOf } from "../operate/database.ts";
import { type Ps, ps } from "../operate/ps.ts";
import { openRunning } from "../operate/running.ts";
import { type Release, readReleases } from "../release/history.ts";
import { type Look, look } from "../release/look.ts";
import type { Site } from "../site/site.ts";
import { type Firing, firingOf, type Silence, silencesOf, watchdogFires } from "./alerts.ts";
import { type Figures, statusFigures } from "./figures.ts";
import { askMonitoring, type Heard } from "./monitoring.ts";
import { type ObjectivesFound, objectivesOf } from "./objectives.ts";
import { type Said, whatIsSaid } from "./status-judge.ts";
import { unmeasuredOf } from "./unmeasured.ts";

/** What one reader knows, or why it knows nothing. */
export type Part<What> = { what: What } | { why: string };

export type EdgeFigures = { requests?: number; errors?: number; p95?: number };
export type DiskFigures = {
  /** Share that is used, absent where nothing measures it; bytes free. */
  used?: number;
  free?: number;
  /** Seconds until it is full at the rate of the last six hours; absent where it does not grow, or is not known. */
  full?: number;
  /** Whether it is measured, and six hours, or at least one, are known. */
  forecast: boolean;
};

export type ReleaseSeen = {
  current?: Release;
  canary?: Release;
  /** The newest, where it failed and so did the way back. */
  half?: Release;
} & Pick<Look, "lock" | "work">;

export type Seen = {
  stack: string;
  environment: string;
  host: string;
  domain: string;
  /** Seconds of the epoch. */
  now: number;
  services: Ps;
  release: Part<ReleaseSeen>;
  /** Why there are no figures; `off` where stack.yaml wants none. */
  prometheus: Heard<{ up: number; targets: number }>;
  edge: EdgeFigures;
  objectives: ObjectivesFound;
  disk: DiskFigures;
  /** `unheard`: what runs tells nobody of pages, whatever stack.yaml says by now. */
  alerts: Heard<{ firing: Firing[]; silences: Silence[]; watched: boolean; unheard?: boolean }>;
  /** Absent where stack.yaml keeps none. */
  backups?: Part<Backups>;
  /** Absent where the stack has no PostgreSQL of its own. */
  database?: Part<DatabaseLook>;
};

export type Status = { healthy: boolean; said: Said[]; seen: Seen };

const HOUR = 3600;

/** A handful of scripts at once over one connection. @throws Problem where nothing runs there, or the engine is silent */
export async function readStatus(site: Site, spec: Spec, signal?: AbortSignal): Promise<Status> {
  const kept = keptBy(spec);
  const running = openRunning(site);
  const [services, database, backups, release, monitoring] = await Promise.all([
    running.then((open) => ps(open, { load: false })),
    running.then((open) =>
      nodesOf(open.project.plan).length === 0 ? undefined : part(lookAtDatabase(open)),
    ),
    kept.length === 0 ? undefined : part(readBackups(site, kept)),
    part(Promise.all([look(site, "", signal), readReleases(site)])),
    part(askMonitoring(site, statusFigures, signal)),
  ]);
  const silent = { why: "why" in monitoring ? monitoring.why : "", off: false };
  const prometheus = "what" in monitoring ? monitoring.what.prometheus : silent;
  const alertmanager = "what" in monitoring ? monitoring.what.alertmanager : silent;
  const figures = "what" in prometheus ? prometheus.what : new Map<string, number>();
  const seen: Seen = {
    stack: site.stack,
    environment: site.environment,
    host: site.host.name,
    domain: site.domain,
    now: "what" in release ? release.what[0].now : Math.floor(Date.now() / 1000),
    services,
    release: "what" in release ? { what: releaseOf(...release.what) } : release,
    prometheus: wanted(
      spec.options.has("prometheus"),
      "what" in prometheus
        ? { what: { up: figures.get("targets_up") ?? 0, targets: figures.get("targets") ?? 0 } }
        : prometheus,
    ),
    edge: {
      ...given("requests", figures.get("requests")),
      ...given("errors", figures.get("errors_now")),
      ...given("p95", figures.get("p95")),
    },
    objectives: objectivesOf(
      spec.core.objectives,
      wanted(spec.options.has("prometheus"), prometheus),
      unmeasuredOf(spec),
    ),
    disk: diskOf(figures, "what" in release ? release.what[0].free : undefined),
    alerts: wanted(
      spec.options.has("alertmanager"),
      "what" in alertmanager
        ? {
            what: {
              firing: firingOf(alertmanager.what.alerts, alertmanager.what.silences),
              silences: silencesOf(alertmanager.what.silences),
              watched: watchdogFires(alertmanager.what.alerts),
              unheard: isUnheard(spec.environment, alertmanager.what.paged),
            },
          }
        : alertmanager,
    ),
    ...(backups && { backups }),
    ...(database && { database }),
  };
  const said = whatIsSaid(seen);
  return { healthy: !said.some(({ level }) => level === "wrong"), said, seen };
}

/** @param free as the host says it, for where nothing measures the disk */
export function diskOf(figures: Figures, free: number | undefined): DiskFigures {
  const used = figures.get("disk_ratio");
  const forecast = used !== undefined && (figures.get("known") ?? 0) >= HOUR;
  return {
    ...given("used", used),
    ...given("free", figures.get("disk_free") ?? free),
    ...(forecast && given("full", figures.get("disk_full"))),
    forecast,
  };
}

function releaseOf({ lock, work }: Look, releases: readonly Release[]): ReleaseSeen {
  const [newest] = releases;
  return {
    current: releases.find((one) => one.current),
    canary: releases.find(({ state }) => state === "canary"),
    ...(newest?.state === "half" && { half: newest }),
    lock,
    work,
  };
}

function keptBy({ options }: Spec): Kept[] {
  if (!options.has("backup")) return [];
  return options.has("postgres") ? ["postgres", "files"] : ["files"];
}

/** Whether pages reach nobody, as far as what runs says. A laptop wakes nobody, and that is no news. */
export function isUnheard(environment: EnvironmentKind, paged: boolean | undefined): boolean {
  return environment !== "local" && paged === false;
}

/** What stack.yaml wants and has no container is missing, not off. */
function wanted<What>(want: boolean, heard: Heard<What>): Heard<What> {
  return "what" in heard ? heard : { ...heard, off: heard.off && !want };
}

function given<Key extends string>(key: Key, value: number | undefined): { [K in Key]?: number } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: number };
}

/** One reader that fails takes nothing from the others. */
async function part<What>(reading: Promise<What>): Promise<Part<What>> {
  try {
    return { what: await reading };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}
