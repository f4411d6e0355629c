/** The backups of a stack: read in one round trip, and put into words. */
import { z } from "zod";
import { readOwn } from "../../generator/package.ts";
import { type Facts, parseFacts } from "../checks/facts.ts";
import { nothingThere } from "../operate/running.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { type Gap, leftBehind, type Reach, reachOf } from "./reach.ts";
import {
  FilesReport,
  type FilesVerification,
  type InfoBackup,
  type KeptImage,
  PostgresReport,
  type Recovery,
  type Snapshot,
  type Verification,
} from "./report.ts";
import { repositoryFaultText } from "./repository-words.ts";
import { type Kept, SIDECARS } from "./sidecars.ts";

export type PostgresBackup = {
  label: string;
  kind: InfoBackup["type"];
  /** Seconds of the epoch. */
  started: number;
  finished: number;
  /** Bytes that it restores to, and that it added to the repository. */
  size: number;
  stored: number;
  wal: { start: string | null; stop: string | null };
  /** The one that it holds the differences to. */
  prior: string | null;
  /** Pages had wrong checksums when it was made. */
  damaged: boolean;
  /** False where its own log is not whole, or it was left behind: it leads to nothing that the stack has now. */
  usable: boolean;
  /** A restore in place went back before it: only a time, or another timeline, leads there. */
  left: boolean;
  verified: Verification | null;
  databases?: string[];
  /** Where it is, where there are two. */
  repository?: RepositoryKind;
};

export type RepositoryKind = "local" | "s3";

/** One of several places: `fault` is what is wrong with it, in the tool's words and ours. */
export type Repository = {
  kind: RepositoryKind;
  backups: number;
  newest: number | null;
  fault: string | null;
};

/** What one sidecar knows; what went wrong where it knows nothing. */
export type Known<What> = What | { error: string };

export type Postgres = {
  backups: PostgresBackup[];
  reaches: Reach[];
  gaps: Gap[];
  running: PostgresReport["running"];
  /** Each by itself, where there are two. */
  repositories?: Repository[];
};
export type Files = {
  snapshots: Snapshot[];
  missing: string[];
  running: boolean;
  repositories?: Repository[];
  verifying: boolean;
  verified: FilesVerification | null;
  /** Null where stack.yaml names no recipient. */
  recovery: Recovery | null;
  images: KeptImage[];
};

export type Backups = { now: number; postgres?: Known<Postgres>; files?: Known<Files> };

/**
 * @param kept what the stack keeps backups of: a sidecar that does not run is said
 * @param label what to know more about
 * @throws Problem where nothing runs there
 */
export async function readBackups(site: Site, kept: readonly Kept[], label = ""): Promise<Backups> {
  const outcome = await site.host.script(readOwn("operator/database/read.bash"), [site.project, label]);
  const facts = parseFacts(requireDone(site, outcome, "asking for backups").stdout);
  if (!facts.number("containers")) throw await nothingThere(site);
  return backupsOf(facts, kept);
}

export function backupsOf(facts: Facts, kept: readonly Kept[]): Backups {
  const postgres = kept.includes("postgres") ? answerOf(facts, "postgres", PostgresReport) : undefined;
  const files = kept.includes("files") ? answerOf(facts, "files", FilesReport) : undefined;
  const now = [postgres, files].flatMap((one) => (one && "now" in one ? [one.now] : []))[0];
  return {
    now: now ?? Math.floor(Date.now() / 1000),
    ...(postgres && { postgres: "failed" in postgres ? { error: postgres.failed } : postgresOf(postgres) }),
    ...(files && { files: "failed" in files ? { error: files.failed } : filesOf(files) }),
  };
}

function answerOf<Report>(facts: Facts, key: Kept, schema: z.ZodType<Report>): Report | { failed: string } {
  const failed = facts.one(`${key}_failed`);
  if (failed !== undefined) return { failed };
  const text = facts.one(key);
  if (text === undefined) return { failed: `${SIDECARS[key]} does not run` };
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    return { failed: `its answer is not understood: ${z.prettifyError(parsed.error).split("\n")[0]}` };
  } catch {
    return { failed: `its answer is no JSON: ${text.slice(0, 100)}` };
  }
}

function postgresOf(report: PostgresReport): Known<Postgres> {
  const { info, set, archives, verified, running, error, repositories } = report;
  const bad = info.find(({ status }) => status.code === 99);
  if (bad) return { error: repositoryFaultText(faultOf(report, 1) ?? bad.status.message) };
  if (error !== "") return { error: repositoryFaultText(error) };
  const { reaches, gaps, useless } = reachOf({ info, archives });
  const left = leftBehind({ info, archives });
  const detailed = set.flatMap(({ backup }) => backup);
  const several = repositories.length > 1;
  const kindOf = ({ database }: InfoBackup) =>
    repositories.find(({ number }) => number === (database["repo-key"] ?? 1))?.kind;
  const backups = info
    .flatMap(({ backup }) => backup)
    .map((one): PostgresBackup => {
      const details = detailed.find(({ label }) => label === one.label);
      return {
        label: one.label,
        kind: one.type,
        started: one.timestamp.start,
        finished: one.timestamp.stop,
        size: one.info.size,
        stored: one.info.repository.delta,
        wal: one.archive,
        prior: one.prior ?? null,
        damaged: one.error === true,
        usable: !useless.includes(one.label),
        left: left.includes(one.label),
        verified: verified.find(({ label }) => label === one.label) ?? null,
        ...(details && { databases: (details["database-ref"] ?? []).map(({ name }) => name) }),
        ...(several && { repository: kindOf(one) }),
      };
    })
    .sort((one, other) => one.finished - other.finished);
  if (!several) return { backups, reaches, gaps, running };
  const each = repositories.map(({ number, kind }): Repository => {
    const own = backups.filter(({ repository }) => repository === kind);
    return {
      kind,
      backups: own.length,
      newest: own.at(-1)?.finished ?? null,
      fault: faultOf(report, number) ?? null,
    };
  });
  return { backups, reaches, gaps, running, repositories: each };
}

/** What pgBackRest says against one repository; that it holds no backup yet is none. */
function faultOf({ info }: PostgresReport, number: number): string | undefined {
  const { code, message } = info.flatMap(({ repo }) => repo).find(({ key }) => key === number)?.status ?? {};
  return code === undefined || code === 0 || code === 2 ? undefined : message;
}

function filesOf(report: FilesReport): Known<Files> {
  const { snapshots, sources, running, error, repositories, verifying, verified, recovery, images } = report;
  if (error !== "") return { error: repositoryFaultText(error) };
  const places = repositories.filter(({ error }) => error === "").map(({ kind }) => kind);
  const missing = sources.filter((what) =>
    places.length < 2
      ? !snapshots.some((one) => one.what === what)
      : places.some((kind) => !snapshots.some((one) => one.what === what && one.repository === kind)),
  );
  const sorted = [...snapshots].sort((a, b) => a.time - b.time);
  const known = {
    missing,
    running,
    verifying,
    verified: verified ?? null,
    recovery: recovery ?? null,
    images: [...images].sort((a, b) => a.time - b.time),
  };
  if (repositories.length < 2) return { ...known, snapshots: sorted.map(({ repository: _, ...one }) => one) };
  const each = repositories.map(({ kind, error }): Repository => {
    const own = sorted.filter(({ repository }) => repository === kind);
    return {
      kind,
      backups: own.length,
      newest: own.at(-1)?.time ?? null,
      fault: error === "" ? null : error,
    };
  });
  return { ...known, snapshots: sorted, repositories: each };
}
