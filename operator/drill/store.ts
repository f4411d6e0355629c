/** Reports of drills on the host: kept, listed, shown. Those of the schedule lie with the sidecar, the others in the state. */

import { parseFacts } from "../checks/facts.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { DRILL_ID, DrillReport } from "./report.ts";
import { drillScript } from "./script.ts";
import { drillText } from "./text.ts";

/** @returns why there are no figures of it, where there are none. @throws Problem where it cannot be kept */
export async function saveDrill(site: Site, report: DrillReport): Promise<string | undefined> {
  const json = Buffer.from(`${JSON.stringify(report, null, 2)}\n`);
  const outcome = await site.host.script(
    drillScript("save"),
    [site.state, site.project, report.id, String(json.length)],
    { input: Buffer.concat([json, Buffer.from(`${drillText(report)}\n`)]) },
  );
  const { stdout } = requireDone(site, outcome, "keeping the report");
  return /^metric no (.*)$/m.exec(stdout)?.[1];
}

/** One that is held, or that was cut short. */
export type Trace = {
  kind: string /** Seconds of the epoch. */;
  since: number;
  by: string;
  running: boolean;
};

export type Drills = {
  /** Seconds of the epoch, by the host's clock. */
  now: number;
  /** The newest first. */
  reports: DrillReport[];
  trace: Trace | undefined;
  /** Why those of the schedule are not among them. */
  silent: string | undefined;
};

export async function readDrills(site: Site): Promise<Drills> {
  const outcome = await site.host.script(drillScript("list"), [site.state, site.project]);
  return parseDrills(requireDone(site, outcome, "reading the drills").stdout);
}

export function parseDrills(text: string): Drills {
  const facts = parseFacts(text);
  const decoded = (key: string) => facts.all(key).map((line) => Buffer.from(line, "base64").toString("utf8"));
  const scheduled = decoded("scheduled").flatMap((lines) => lines.split("\n").filter(Boolean));
  const reports = [...decoded("report"), ...scheduled].flatMap(parsed);
  const trace = (key: string, running: boolean): Trace | undefined => {
    const [kind, since, by] = facts.one(key)?.split(" ") ?? [];
    return kind === undefined ? undefined : { kind, since: Number(since), by: by ?? "somebody", running };
  };
  return {
    now: facts.number("now") ?? Date.now() / 1000,
    reports: reports.sort((one, other) => other.began - one.began || (one.id < other.id ? 1 : -1)),
    trace: trace("running", true) ?? trace("unfinished", false),
    silent: facts.one("silent"),
  };
}

/** One of another version, or cut short by a full disk, is left out. */
function parsed(text: string): DrillReport[] {
  try {
    return [DrillReport.parse(JSON.parse(text))];
  } catch {
    return [];
  }
}

/** @throws Problem (2) where there is no such drill */
export function findDrill({ reports }: Drills, id: string, environment: string): DrillReport {
  const found = reports.find((report) => report.id === id);
  if (found) return found;
  const example = reports[0]?.id ?? "20261128T160000Z-restore";
  throw new Problem(
    DRILL_ID.test(id) ? `there is no drill ${id}` : `${JSON.stringify(id)} is no drill's id`,
    `Expected one such as ${example}. There are: plimsoll drill ${environment} list`,
    2,
  );
}

/** In words, for whoever comes next. */
export function traceText({ kind, since, by, running }: Trace): string {
  const at = new Date(since * 1000).toISOString().replace(".000", "");
  return running
    ? `a ${kind} drill is held, begun by ${by} at ${at}`
    : `the ${kind} drill that ${by} began at ${at} was cut short: it left no report${kind === "failover" ? ". Is every node well? plimsoll ps" : ", and its copy is gone"}`;
}
