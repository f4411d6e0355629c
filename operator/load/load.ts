/** `plimsoll load`: asks what runs, judges the answers against its objectives, and leaves the report on the host. */
import { dirname } from "node:path";
import type { Load } from "../../generator/components/api/checks.ts";
import type { Host } from "../host/host.ts";
import { localHost } from "../host/local.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { type Client, openClient } from "./client.ts";
import { type DriveOptions, drive, type Tally } from "./drive.ts";
import { type LoadReport, type Objectives, type Row, reportOf } from "./report.ts";
import { type Ask, asksOf, requireSize, type Shape, turns } from "./shape.ts";
import { loadFile, type Target, targetOf, urlOf } from "./target.ts";

export type Loaded = {
  report: LoadReport;
  rows: Row[];
  outcomes: Record<string, number>;
  notes: string[];
};

export type LoadOptions = DriveOptions & {
  /** Once it is known where the load goes, before it begins. */
  onTarget?(target: Target): void;
  here?: Host;
};

/** Whole or not at all: the checklist may read it at any moment. */
const SAVE = `
set -euo pipefail
umask 077
mkdir -p "$1"
new=$(mktemp "$1/.load.XXXXXX")
trap 'rm -f "$new"' EXIT
cat > "$new"
mv -f "$new" "$1/load.json"
`.trim();

/** @throws Problem where nothing answers, or another release came in the middle; no report is left then */
export async function load(
  running: Running,
  words: Load | undefined,
  shape: Shape,
  options: LoadOptions = {},
): Promise<Loaded> {
  requireSize(shape);
  const { site, project } = running;
  const { plan } = project;
  const release = await currentRelease(site);
  const target = await targetOf(running, options.here ?? localHost());
  const asks = asksOf(words, plan.application?.health ?? plan.routes[0]?.health ?? "/health");
  const client = openClient(target, shape.connections);
  try {
    options.onTarget?.(target);
    await requireAnswer(client, target, asks[0]?.ask as Ask, shape.patience);
    const tally = await drive(client, turns(asks), shape, options);
    const after = await currentRelease(site);
    if (after !== release) {
      throw new Problem(
        `${site.environment} went from ${release ?? "no release"} to ${after ?? "none"} under the load: it says nothing of either`,
        `Once it stands: plimsoll load ${site.environment}`,
      );
    }
    const about = { at: new Date().toISOString(), release, environment: site.environment, shape };
    const { report, rows } = reportOf(tally, plan.objectives as Objectives, about);
    await save(site, report);
    return {
      report,
      rows,
      outcomes: Object.fromEntries(tally.outcomes),
      notes: notesOn(tally, client, target, site.environment),
    };
  } finally {
    client.close();
  }
}

async function currentRelease({ host, state }: Site): Promise<string | null> {
  return (await host.read(`${state}/current`))?.trim() || null;
}

/** Before a minute is spent on an edge that is not there. */
async function requireAnswer(client: Client, target: Target, ask: Ask, patience: number): Promise<void> {
  // A request that changes something is not sent beyond what was asked for.
  const first: Ask = ask.method === "GET" ? ask : { method: "GET", path: "/" };
  const { status, why } = await client.ask(first, patience);
  if (status !== 0) return;
  throw new Problem(
    `nothing answers at ${urlOf(target, first.path)}: ${why}`,
    "Is it up? plimsoll ps. Does a firewall stand between? From the host itself it may answer.",
  );
}

export function notesOn(
  tally: Pick<Tally, "requests" | "limited" | "late">,
  client: Pick<Client, "distrust">,
  target: Target,
  environment: string,
): string[] {
  const notes: string[] = [];
  const distrust = client.distrust();
  if (distrust) notes.push(`The certificate was taken as it is; a browser would refuse it: ${distrust}`);
  if (target.note) notes.push(target.note);
  if (tally.limited > 0) {
    notes.push(
      `${tally.limited} of ${tally.requests} were answered 429, and are in neither p95 nor errors: nginx.rate lets an ` +
        "address send 50 requests a second unless stack.yaml says otherwise (nginx.connections: how many at once).",
      `For a load from one address raise it: environments.${environment}.nginx.rate.requests: 500r/s`,
    );
  }
  if (tally.late > tally.requests / 100) {
    notes.push(
      `This machine sent ${tally.late} of ${tally.requests} more than 20 ms late, which is in the figures: a lower --rate, or a machine with less to do.`,
    );
  }
  return notes;
}

async function save(site: Site, report: LoadReport): Promise<void> {
  const file = loadFile(site.state);
  const input = `${JSON.stringify(report, null, 2)}\n`;
  const { exitCode, stderr } = await site.host.script(SAVE, [dirname(file)], { input });
  if (exitCode === 0) return;
  throw new Problem(
    `${file} cannot be written on ${site.host.name}: ${stderr.trim().split("\n").at(-1) || `exit code ${exitCode}`}`,
    "The load was done; without the report plimsoll check does not know of it.",
  );
}
