/** What of all that was seen a person must know: what is wrong, and what is only worth a note. */
import { bytes } from "../../generator/report/units.ts";
import type { Files, Repository } from "../database/backups.ts";
import { isBad } from "../database/list-text.ts";
import { repositoryFaultText } from "../database/repository-words.ts";
import { span } from "../operate/ps-text.ts";
import { describeLock } from "../settings/lock.ts";
import { isQuiet } from "./alerts.ts";
import type { Objective } from "./objectives.ts";
import { measuredText, TITLES, targetText } from "./objectives-text.ts";
import type { Seen } from "./status.ts";
import { idleText, writerText } from "./status-parts.ts";

export type Area =
  | "services"
  | "release"
  | "edge"
  | "objectives"
  | "backups"
  | "database"
  | "alerts"
  | "disk"
  | "monitoring";
/** `wrong`: not healthy. `note`: a person should know it. */
export type Said = { level: "wrong" | "note"; area: Area; text: string };

const DAY = 86_400;

export function whatIsSaid(seen: Seen): Said[] {
  return [
    ...ofServices(seen),
    ...ofEdge(seen),
    ...ofDatabase(seen),
    ...ofAlerts(seen),
    ...ofObjectives(seen),
    ...ofBackups(seen),
    ...ofDisk(seen),
    ...ofMonitoring(seen),
    ...ofRelease(seen),
  ];
}

const wrong = (area: Area, text: string): Said => ({ level: "wrong", area, text });
const note = (area: Area, text: string): Said => ({ level: "note", area, text });

function ofServices({ services: { rows } }: Seen): Said[] {
  return rows.flatMap((row) => {
    const told = `${row.service} is ${row.state}${row.note ? ` (${row.note})` : ""}`;
    if (!row.well) return [wrong("services", told)];
    if (row.state === "starting") return [note("services", told)];
    if (row.suspected) return [note("services", `${row.service} refused connections and is being passed by`)];
    return row.kind === "run" ? [note("services", `${row.service} runs beside them: ${row.note}`)] : [];
  });
}

function ofEdge({ services, environment }: Seen): Said[] {
  if (services.maintenance)
    return [
      wrong(
        "edge",
        `maintenance is on: every request is answered 503 (plimsoll maintenance ${environment} off)`,
      ),
    ];
  return [];
}

function ofDatabase({ database, environment, services }: Seen): Said[] {
  if (!database) return [];
  if ("why" in database) return [wrong("database", `not known: ${database.why}`)];
  const { nodes, pointer, unfinished } = database.what;
  const writer = nodes.find(({ name }) => name === pointer);
  // A promotion that did not end is told here already.
  const waits = services.notes.filter((text) => !(unfinished && text.startsWith("a promotion")));
  return [
    ...waits.map((text) => note("database", text)),
    ...(unfinished
      ? [wrong("database", `a promotion of ${unfinished.new} did not end (plimsoll promote ${environment})`)]
      : []),
    ...(writer?.role === "primary" ? [] : [wrong("database", writerText(pointer, nodes))]),
    ...nodes.flatMap((node) => {
      if (node.fenced) return [note("database", `${node.name} is fenced (plimsoll rejoin ${environment})`)];
      if (node.name === pointer) return [];
      if (node.role === "primary") return [wrong("database", `${node.name} is a second primary`)];
      if (node.role === "standby" && node.streaming) return [];
      return [wrong("database", idleText(node))];
    }),
  ];
}

function ofAlerts({ alerts, now }: Seen): Said[] {
  if (!("what" in alerts))
    return alerts.off ? [] : [wrong("alerts", `Alertmanager does not answer: ${alerts.why}`)];
  const { firing, watched, unheard } = alerts.what;
  return [
    ...(watched ? [] : [wrong("alerts", "the watchdog is silent: Prometheus hands no alerts over")]),
    // Not a test of what runs: of those that are told of warnings alone it says that all is well.
    ...(unheard ? [note("alerts", "pages reach nobody: name a receiver of pages, and deploy it")] : []),
    ...firing
      .filter((one) => !isQuiet(one))
      .map(({ alert, severity, summary, since }) => {
        const text = `${alert}: ${summary} (since ${span(Math.max(0, now - since))})`;
        return severity === "page" ? wrong("alerts", text) : note("alerts", text);
      }),
  ];
}

function ofObjectives({ objectives: { objectives } }: Seen): Said[] {
  return objectives.flatMap((one) => {
    const level = levelOf(one);
    if (level === undefined) return [];
    const text = `${TITLES[one.objective]}: ${measuredText(one)}, promised ${targetText(one)}`;
    return [{ level, area: "objectives", text: one.verdict === "at risk" ? `${text}; at risk` : text }];
  });
}

/** A reading of this moment that is too high is worth a look; a month's budget that is spent is a promise broken. */
export function levelOf({ verdict, left, objective }: Objective): Said["level"] | undefined {
  if (verdict === "kept" || verdict === "unknown") return undefined;
  return verdict === "broken" && (left !== undefined || objective === "rpo") ? "wrong" : "note";
}

function ofBackups({ backups, environment }: Seen): Said[] {
  if (!backups) return [];
  if ("why" in backups) return [wrong("backups", `not known: ${backups.why}`)];
  const { postgres, files } = backups.what;
  return [
    ...(postgres && "error" in postgres
      ? [wrong("backups", `of PostgreSQL not known: ${postgres.error || "no answer"}`)]
      : []),
    ...(files && "error" in files
      ? [wrong("backups", `of files not known: ${files.error || "no answer"}`)]
      : []),
    ...(postgres && "backups" in postgres
      ? [...ofRepositories(postgres.repositories, "PostgreSQL"), ...ofPostgresBackups(postgres, environment)]
      : []),
    ...(files && "missing" in files ? ofFiles(files, environment) : []),
  ];
}

/** One of two that does not open, or holds nothing: the other one hides it. */
function ofRepositories(repositories: readonly Repository[] = [], of: string): Said[] {
  const filled = repositories.some(({ backups }) => backups > 0);
  return repositories.flatMap(({ kind, fault, backups }) => {
    if (fault !== null) return [wrong("backups", `${of} in ${kind}: ${repositoryFaultText(fault)}`)];
    return filled && backups === 0 ? [wrong("backups", `${of} in ${kind}: there is none`)] : [];
  });
}

function ofFiles({ missing, repositories, verified, recovery }: Files, environment: string): Said[] {
  const list = `(plimsoll backup ${environment} list)`;
  const now = `(plimsoll backup ${environment} now)`;
  return [
    ...ofRepositories(repositories, "files"),
    ...missing.map((what) => wrong("backups", `there is none of ${what}`)),
    ...(verified?.outcome === "failed"
      ? [wrong("backups", `what restic keeps was read and is not whole ${list}`)]
      : []),
    ...(recovery?.newest === "" ? [wrong("backups", `there is no recovery bundle ${now}`)] : []),
    ...(recovery?.bucket && recovery.newest !== "" && recovery.uploaded === ""
      ? [wrong("backups", `no recovery bundle is in the bucket ${list}`)]
      : []),
    ...(recovery && isOlder(recovery)
      ? [note("backups", `the recovery bundle is of an older release ${now}`)]
      : []),
  ];
}

function isOlder({ newest, uploaded, wanted, bucket }: NonNullable<Files["recovery"]>): boolean {
  return [newest, ...(bucket ? [uploaded] : [])].some((name) => name !== "" && name < wanted);
}

type PostgresKnown = Extract<
  NonNullable<Extract<NonNullable<Seen["backups"]>, { what: unknown }>["what"]["postgres"]>,
  { gaps: unknown }
>;

function ofPostgresBackups({ backups, gaps, running }: PostgresKnown, environment: string): Said[] {
  const newest = backups.at(-1);
  if (!newest) {
    if (running.backup) return [note("backups", "the first one is being made")];
    return [wrong("backups", `there is none of PostgreSQL (plimsoll backup ${environment} now)`)];
  }
  return [
    ...backups
      .filter(isBad)
      .map(({ label }) => wrong("backups", `${label} is not good (plimsoll backup ${environment} list)`)),
    ...gaps.map(({ first, segments }) =>
      wrong(
        "backups",
        `the archive has a hole of ${segments} ${segments === 1 ? "segment" : "segments"} at ${first}`,
      ),
    ),
    ...(backups.some(({ verified }) => verified?.outcome === "passed")
      ? []
      : [note("backups", "none was verified yet")]),
  ];
}

function ofDisk({ disk: { used, free, full } }: Seen): Said[] {
  const left = free === undefined ? "" : `, ${bytes(free)} free`;
  if (used !== undefined && used > 0.9) return [wrong("disk", `${Math.round(100 * used)}% full${left}`)];
  if (full !== undefined && full < 3 * DAY)
    return [note("disk", `full in ${span(full)} at this rate${left}`)];
  return [];
}

function ofMonitoring({ prometheus }: Seen): Said[] {
  if (!("what" in prometheus))
    return prometheus.off
      ? [note("monitoring", "off in stack.yaml: no figures, no objectives, no alerts")]
      : [wrong("monitoring", `Prometheus does not answer: ${prometheus.why}`)];
  const { up, targets } = prometheus.what;
  return up < targets ? [note("monitoring", `${targets - up} of ${targets} targets cannot be asked`)] : [];
}

function ofRelease({ release, environment }: Seen): Said[] {
  if ("why" in release) return [wrong("release", `not known: ${release.why}`)];
  const { canary, half, work, lock } = release.what;
  return [
    ...(half
      ? [wrong("release", `${half.version} failed, and so did the way back (plimsoll deploy ${environment})`)]
      : []),
    ...(canary
      ? [note("release", `${canary.version} is a canary (plimsoll canary status ${environment})`)]
      : []),
    ...(work ? [note("release", `${work.by} is at work: ${work.version}`)] : []),
    ...(lock ? [note("release", describeLock(lock))] : []),
  ];
}
