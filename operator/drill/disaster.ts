/** The disaster drill: the whole stack on an empty host, from the bucket and the recovery key, cut off, measured, gone. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { readBackups } from "../database/backups.ts";
import { lookAtDatabase } from "../database/look.ts";
import type { Host } from "../host/host.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { activate, textOf } from "../recovery/activate.ts";
import type { Recoverable } from "../recovery/open.ts";
import type { Store, StoreKeys } from "../recovery/s3.ts";
import type { EngineEvent } from "../release/follow.ts";
import { requireDone } from "../settings/place.ts";
import { siteOf } from "../site/open.ts";
import type { Site } from "../site/site.ts";
import { promisedBy, reportOn } from "./basis.ts";
import { engineSteps, lossOf, parseDoor, summed } from "./disaster-report.ts";
import { type Isolated, isolated } from "./isolate.ts";
import { occupy, type Rehearsal } from "./rehearsal.ts";
import { type DrillReport, drillId, type Risk } from "./report.ts";
import { Asked, content, emptied, parseRestoreDrill, type Timed } from "./restore.ts";
import { lookAtRisk } from "./risk.ts";
import { drillScript } from "./script.ts";

export type DisasterDrill = {
  found: Recoverable;
  store: Store;
  keys: StoreKeys;
  /** What serves, where it could be reached; it is asked, and nothing of it is touched. */
  production: Running | undefined;
  /** Milliseconds of the epoch; and the seconds that the bundle took since. */
  began: number;
  opened: number;
  /** Leave what came up on the host. */
  keep: boolean;
  /** The drill's host, made ready. */
  open(): Promise<Host>;
  say(line: string): void;
  onEvent(event: EngineEvent): void;
  signal: AbortSignal;
};

/**
 * @returns the report, also of a drill that failed; the host is empty again then, but for a drill that is kept
 * @throws Problem where it was not begun, AbortError where it was interrupted: the host is empty in both
 */
export async function disasterDrill(drill: DisasterDrill): Promise<DrillReport> {
  const { found, began, say, signal } = drill;
  const cut = isolated(
    textOf(found.bundle.state, `releases/${found.bundle.meta.release}/files/compose.yaml`),
    found.plan,
  );
  const lines: Timed[] = [];
  const ahead = await lookAhead(drill, (line) => void lines.push({ at: Date.now(), line }));
  signal.throwIfAborted();
  const begun = performance.now();
  const host = await drill.open();
  try {
    const { name, project, domain, environment } = found.plan;
    const site = siteOf({ environment, core: { name, project, domain } }, "", host);
    const ready = (performance.now() - begun) / 1000;
    const rehearsal = await occupy(site, drillId("disaster", began), say);
    const held = await holdOn(drill, site, cut, lines);
    const left = await leave(rehearsal, drill.keep && !signal.aborted);
    signal.throwIfAborted();
    return conclude(drill, site, { ...held, ahead, cut, lines, begun, ready, left });
  } finally {
    await host.close();
  }
}

type Ahead = { risk: Risk | { unknown: string }; backups: DrillReport["backup"][] };

/** Of production, before the clock runs on: what a loss would lose now, and what the drill's rows are compared with. */
async function lookAhead(
  { production, found, say }: DisasterDrill,
  hear: (line: string) => void,
): Promise<Ahead> {
  if (!production || !found.catalog)
    return { risk: { unknown: "production could not be asked" }, backups: [] };
  say(
    `Production (${production.site.host.name}) is asked what a loss would lose now, and counted; nothing of it is touched.`,
  );
  try {
    const risk = await lookAtRisk(production);
    const writer = (await lookAtDatabase(production)).nodes.find(({ role }) => role === "primary")?.name;
    if (writer !== undefined) await content(production, "running", writer, askedOf(found), hear);
    const { postgres } = await readBackups(production.site, ["postgres"]);
    return { risk, backups: postgres && "backups" in postgres ? postgres.backups : [] };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { risk: { unknown: error.message }, backups: [] };
  }
}

function askedOf({ bundle, plan }: Recoverable): Asked {
  const owner =
    plan.backups.flatMap((offer) => ("cluster" in offer ? [offer.cluster.owner] : []))[0] ?? "app";
  const file = bundle.generated.find(({ path }) => path === "backup-postgres/checks.json");
  return file ? Asked.parse(JSON.parse(textOf(bundle.generated, file.path))) : { owner, checks: [] };
}

type Held = {
  faults: string[];
  events: EngineEvent[];
  /** When the door answered, by performance.now(); undefined where it never did. */
  answered: number | undefined;
  reached: number | undefined;
  size: number | null;
  set: string | undefined;
  door: ReturnType<typeof parseDoor> | undefined;
};

async function holdOn(drill: DisasterDrill, site: Site, cut: Isolated, lines: Timed[]): Promise<Held> {
  const { found, store, keys, say, signal } = drill;
  const held: Held = {
    faults: [],
    events: [],
    answered: undefined,
    reached: undefined,
    size: null,
    set: undefined,
    door: undefined,
  };
  try {
    const { database } = await activate({
      site,
      ...{ bundle: found.bundle, catalog: found.catalog, store, keys, say, signal },
      agree: async () => undefined,
      onEvent(event) {
        held.events.push(event);
        drill.onEvent(event);
      },
      drill: cut,
    });
    held.reached = database?.reached;
    held.size = database?.size ?? null;
    held.set = database?.set;
    await askDoor(held, site, found.plan, store);
    const node = nodesOf(found.plan)[0];
    if (node !== undefined)
      await content(
        { site, project: { name: site.project, engine: await site.engine() } },
        "copy",
        node,
        askedOf(found),
        (line) => void lines.push({ at: Date.now(), line }),
      );
  } catch (error) {
    if (signal.aborted) return held;
    if (!(error instanceof Problem)) throw error;
    held.faults.push(error.message);
  }
  return held;
}

function nodesOf({ backups }: Pick<PlanJson, "backups">): string[] {
  return backups.flatMap((offer) => ("cluster" in offer ? offer.cluster.nodes : []));
}

async function askDoor(held: Held, site: Site, plan: PlanJson, { endpoint }: Store): Promise<void> {
  const path = plan.application?.health ?? "/";
  const outside = /:\d+$/.test(endpoint) ? endpoint : `${endpoint}:443`;
  const outcome = await site.host.script(drillScript("door"), [site.project, plan.domain, path, outside], {
    onLine(line) {
      if (line === "door 200") held.answered = performance.now();
    },
  });
  held.door = parseDoor(requireDone(site, outcome, "asking the door").stdout);
  if (held.door.status !== 200)
    held.faults.push(`https://${plan.domain}${path} answers ${held.door.status} on the drill's host`);
}

/** @returns why the host is not empty, where it is not and should be */
async function leave(rehearsal: Rehearsal, keep: boolean): Promise<string | undefined> {
  if (keep) rehearsal.keep();
  try {
    await rehearsal.end();
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return [error.message, error.remedy].filter(Boolean).join(". ");
  }
}

type Ended = Held & {
  ahead: Ahead;
  cut: Isolated;
  lines: Timed[];
  /** By performance.now(); and the seconds until the host was ready. */
  begun: number;
  ready: number;
  left: string | undefined;
};

function conclude(drill: DisasterDrill, site: Site, ended: Ended): DrillReport {
  const { found, began, opened } = drill;
  const { ahead, cut, lines, faults, door, left } = ended;
  const { catalog, bundle } = found;
  const risk = "unknown" in ahead.risk ? undefined : ahead.risk;
  const answered =
    ended.answered === undefined ? null : Math.round(opened * 1000 + ended.answered - ended.begun) / 1000;
  const loss =
    ended.set === undefined || !catalog
      ? undefined
      : lossOf({
          ...{ began, risk, reached: ended.reached },
          ...{ finished: catalog.backup.finished, archived: catalog.archived },
        });
  const { report } = parseRestoreDrill(lines);
  const engine = engineSteps(ended.events);
  const counted = opened + ended.ready + engine.reduce((sum, { seconds }) => sum + seconds, 0);
  const asked = report.tables.some(({ running }) => running !== null);
  const set = ended.set ?? catalog?.backup.label;
  return reportOn(
    { stack: found.plan.name, environment: found.plan.environment },
    promisedBy(found.plan),
    {
      kind: "disaster",
      how: `the whole stack on ${site.host.name}, cut off, from ${bundle.name} and the bucket alone`,
      began,
    },
    {
      ...report,
      release: bundle.meta.release,
      reached: ended.reached ?? null,
      size: report.size ?? ended.size,
      backup: ahead.backups.find((one) => one?.label === set) ?? null,
      risk: risk ?? null,
      rto: answered,
      // A stack without a database has nothing to lose that is dated.
      rpo: loss?.rpo ?? (catalog || answered === null ? null : 0),
      steps: summed([
        { name: "the bundle, opened", seconds: opened, rto: true },
        { name: "the host, reached and made ready", seconds: ended.ready, rto: true },
        ...engine,
        ...(answered === null
          ? []
          : [{ name: "sending, and asking the door", seconds: Math.max(0, answered - counted), rto: true }]),
      ]),
      checks: [...report.checks, ...(door?.checks ?? [])],
      faults: [
        ...faults,
        ...(loss?.fault ? [loss.fault] : []),
        ...(faults.length === 0 && asked ? emptied(report.tables) : []),
        ...(left === undefined ? [] : [left]),
      ],
      notes: [
        "The RTO ends where the stack's own door answers by its own name. DNS is not in it, nor is the time until somebody begins.",
        ...(loss ? [loss.note] : []),
        ...("unknown" in ahead.risk
          ? [`What was at risk could not be found out: ${ahead.risk.unknown}.`]
          : []),
        ...(asked ? [] : ["Rows were not compared with the running database."]),
        ...cut.left.map(({ service, why }) => `${service} was not started: ${why}.`),
        ...(door?.unknown
          ? ["Whether every way out is shut was not seen: the host itself does not reach the bucket by TLS."]
          : []),
      ],
    },
  );
}
