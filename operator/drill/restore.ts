/** The restore drill: the newest data into a copy beside the running database, timed, looked into, thrown away. */
import { join } from "node:path";
import { z } from "zod";
import { readBackups } from "../database/backups.ts";
import { judgeRestore, lookAtBackups, type Restoration, restoreCopy } from "../database/restore.ts";
import type { Engine } from "../engine/find.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { engineEnvironment } from "../up/project.ts";
import { concluded, type DrillBasis, type Promised } from "./basis.ts";
import { guardCopy } from "./guard.ts";
import type { DrillReport, Risk } from "./report.ts";
import { lookAtRisk } from "./risk.ts";
import { drillScript } from "./script.ts";

export type RestoreDrill = {
  restoration: Restoration;
  asked: Asked;
  /** A node whose rows are counted. */
  node: string | undefined;
};

/** As it was deployed: what the copy is asked. */
export const Asked = z.object({
  owner: z.string(),
  checks: z.array(z.object({ name: z.string(), sql: z.string() })),
});
export type Asked = z.output<typeof Asked>;

/** @throws Problem where it cannot be held, before anything is touched */
export async function judgeRestoreDrill(running: Running): Promise<RestoreDrill> {
  const target = { kind: "latest" } as const;
  const look = await lookAtBackups(running, target);
  // No segment is ended for it: what is not in the repository by itself would be lost, and is not in the copy.
  const restoration = { ...judgeRestore(look, target, running.site.environment), writer: undefined };
  return { restoration, asked: await askedOf(running), node: look.writer };
}

async function askedOf({ site, project }: Running): Promise<Asked> {
  const path = join(project.folder, "backup-postgres/checks.json");
  try {
    return Asked.parse(JSON.parse((await site.host.read(path)) ?? ""));
  } catch {
    throw new Problem(`${path} cannot be read: what the copy is to be asked`, "Make it: plimsoll generate");
  }
}

type Options = { onLine(line: string): void; signal?: AbortSignal };

/**
 * @returns the report, also of a drill that failed
 * @throws Problem where it was not begun: another is at work
 */
export async function restoreDrill(
  running: Running,
  { restoration, asked, node }: RestoreDrill,
  promised: Promised,
  { onLine, signal }: Options,
): Promise<DrillReport> {
  const guard = await guardCopy(running);
  const began = Date.now();
  // One that is interrupted ends the restore by taking its container away.
  const stop = () => void guard.end();
  signal?.addEventListener("abort", stop);
  const lines: Timed[] = [];
  const hear = (line: string) => void lines.push({ at: Date.now(), line });
  const faults: string[] = [];
  let risk: Risk | { unknown: string } = { unknown: "the drill failed before" };
  try {
    risk = await lookAtRisk(running);
    if (node !== undefined) await content(running, "running", node, asked, hear);
    hear("begin restore");
    await restoreCopy(running, restoration, (line) => {
      hear(line);
      if (line.startsWith("note ")) onLine(line.slice("note ".length));
    });
    hear("end restore");
    guard.made();
    await content(running, "copy", "-", asked, hear);
    return await reportOf({ running, restoration, node, promised, began, risk, lines, faults });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Problem)) throw error;
    if (isRefusal(error)) {
      guard.theirs();
      await guard.end();
      await forget(running);
      throw error;
    }
    guard.made();
    faults.push(error.message);
    return await reportOf({ running, restoration, node, promised, began, risk, lines, faults });
  } finally {
    signal?.removeEventListener("abort", stop);
    await guard.end();
  }
}

/** Of a restore that was not begun: another holds the stack, or a copy was made since the look. */
function isRefusal({ message }: Problem): boolean {
  return /^(another is at work|another restore|there is a copy already)|knows of no drills/.test(message);
}

/** Nothing was begun, so nothing was cut short. */
async function forget({ site }: Running): Promise<void> {
  await site.host.script('rm -f -- "$1/drill"', [site.state]).catch(() => undefined);
}

/** @param running its host may be another: of a drill, whose node is what a copy is elsewhere */
export async function content(
  { site, project }: { site: Site; project: { name: string; engine: Engine } },
  key: "running" | "copy",
  node: string,
  { owner, checks }: Asked,
  hear: (line: string) => void,
): Promise<void> {
  const outcome = await site.host.script(
    drillScript("content"),
    [site.state, project.name, key, node, owner],
    {
      environment: engineEnvironment(project),
      input: checks.map(({ name, sql }) => `${name} ${Buffer.from(sql).toString("base64")}\n`).join(""),
      onLine: hear,
    },
  );
  requireDone(site, outcome, "looking into the copy");
}

type Held = {
  running: Running;
  restoration: Restoration;
  node: string | undefined;
  promised: Promised;
  began: number;
  risk: Risk | { unknown: string };
  lines: readonly Timed[];
  faults: readonly string[];
};

async function reportOf(held: Held): Promise<DrillReport> {
  const { running, restoration, node, promised, began, risk, lines, faults } = held;
  const found = parseRestoreDrill(lines);
  const set = found.set ?? restoration.sets[0];
  const { postgres } = await readBackups(running.site, ["postgres"]);
  const backup =
    postgres && "backups" in postgres ? postgres.backups.find(({ label }) => label === set) : undefined;
  const basis: DrillBasis = { kind: "restore", how: "a copy beside the running database", began };
  const known = "unknown" in risk ? undefined : risk;
  return concluded(running, promised, basis, {
    ...found.report,
    rto: found.waited ?? null,
    rpo: known?.seconds ?? null,
    risk: known ?? null,
    backup: backup ?? null,
    steps: found.steps,
    faults: [...faults, ...(faults.length === 0 ? emptied(found.report.tables) : [])],
    notes: [
      ...("unknown" in risk ? [`What was at risk could not be found out: ${risk.unknown}.`] : []),
      found.started === undefined
        ? "The RTO ends where the database answers. The start of the other services is not in it, and was not measured here."
        : `The RTO ends where the database answers. The whole stack took ${found.started} s to start when it was first deployed: on a new host that comes on top.`,
      ...(node === undefined ? ["No node takes writes: rows were not compared."] : []),
    ],
  });
}

/** A table that lost what it had. Rows that came or went in the meantime are nobody's fault. */
export function emptied(tables: DrillReport["tables"]): string[] {
  return tables.flatMap(({ name, copy, running }) => {
    if (running === null || running === 0) return [];
    if (copy === null) return [`the table ${name} is not in the copy`];
    return copy < running / 2
      ? [`the table ${name} has ${copy} rows in the copy, and had ${running} in the running database`]
      : [];
  });
}

export type Timed = { /** Milliseconds of the epoch. */ at: number; line: string };

/** What the script said, and how long each step took by when it said so. */
export function parseRestoreDrill(lines: readonly Timed[]) {
  const after = (key: string) =>
    lines.filter(({ line }) => line.startsWith(`${key} `)).map(({ line }) => line.slice(key.length + 1));
  const rows = (key: string) =>
    new Map(
      after(key).flatMap((text) => {
        const [, count, name] = /^(\d+) (.+)$/.exec(text) ?? [];
        return name === undefined ? [] : [[name, Number(count)] as const];
      }),
    );
  const [running, copy] = [rows("running"), rows("copy")];
  const marks = lines.flatMap(({ at, line }): { at: number; step: string | undefined }[] => {
    if (line === "begin restore") return [{ at, step: "container" }];
    if (/^note restoring the backup /.test(line)) return [{ at, step: "restore" }];
    if (line === "note recovering") return [{ at, step: "recovery" }];
    if (/^note the copy is open/.test(line)) return [{ at, step: "opening" }];
    if (line === "end restore") return [{ at, step: undefined }];
    return [];
  });
  const steps = marks.flatMap(({ at, step }, index) => {
    const next = marks[index + 1];
    return step === undefined || !next ? [] : [{ name: step, seconds: (next.at - at) / 1000, rto: true }];
  });
  const [first, last] = [marks[0], marks.at(-1)];
  const whole = last?.step === undefined && first && last;
  const reached = after("reached")[0];
  const number = (key: string) => {
    const value = Number(after(key)[0] || Number.NaN);
    return Number.isFinite(value) ? value : undefined;
  };
  return {
    steps,
    waited: whole ? (last.at - first.at) / 1000 : undefined,
    set: after("set")[0],
    started: number("started"),
    report: {
      reached: timeOf(reached),
      size: number("size") ?? null,
      versions: {
        ...(after("postgres")[0] && { PostgreSQL: after("postgres")[0] as string }),
        ...(after("pgbackrest")[0] && { pgBackRest: after("pgbackrest")[0] as string }),
      },
      tables: [...new Set([...running.keys(), ...copy.keys()])].map((name) => ({
        name,
        copy: copy.get(name) ?? null,
        running: running.get(name) ?? null,
      })),
      checks: after("check").flatMap((text) => {
        const [, name, passed, said] = /^(\S+) (yes|no) ?(.*)$/.exec(text) ?? [];
        return name === undefined ? [] : [{ name, passed: passed === "yes", said: (said ?? "").trim() }];
      }),
    },
  };
}

/** PostgreSQL's `2026-11-28 16:00:12.345+00`, as seconds of the epoch. */
function timeOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Date.parse(text.replace(" ", "T").replace(/([+-]\d{2})$/, "$1:00"));
  return Number.isNaN(value) ? null : value / 1000;
}
