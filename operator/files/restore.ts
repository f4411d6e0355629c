/** What is not PostgreSQL, back from restic: in place on a stack that runs, or into the empty volumes of a new host. */
import { readOwn } from "../../generator/package.ts";
import { readBackups } from "../database/backups.ts";
import { busy } from "../database/look.ts";
import type { Snapshot } from "../database/report.ts";
import { unknown } from "../operate/names.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { engineEnvironment } from "../up/project.ts";

export type FilesTarget = {
  what: string;
  volume: string /** An id, or `undo`. */;
  snapshot: string;
  words: string;
  /** The service that brings it back beside what is there, and the command for it there. */
  broughtBy?: { service: string; command: readonly string[] };
  /** A path in the sidecar, where two repositories are kept and this is in the second. */
  repository?: string;
};

/** A service that reads a large file at its start, and a busy machine. Seconds. */
const PATIENCE = 180;

function script(name: "restore" | "bring" | "fill"): string {
  return [
    readOwn("operator/database/lib.bash"),
    readOwn("operator/files/lib.bash"),
    readOwn(`operator/files/${name}.bash`),
  ].join("\n");
}

/**
 * @param to latest, a snapshot's id, a time with its zone (the youngest that is no younger), or undo
 * @throws Problem (2) where there is no such thing, or no backup of it that old
 */
export async function chooseFiles(
  { site, project }: Running,
  what: string,
  to: string,
): Promise<FilesTarget> {
  const offers = project.plan.backups.flatMap((one) => ("volume" in one ? [one] : []));
  const offer = offers.find((one) => one.what === what);
  if (offer === undefined)
    throw unknown(
      "source",
      what,
      offers.map((one) => one.what),
    );
  const { volume, broughtBy } = offer;
  const source = { what, volume, ...(broughtBy && { broughtBy }) };
  if (to === "undo")
    return { ...source, snapshot: "undo", words: `${what} as it was before its last restore` };
  const { files } = await readBackups(site, ["files"]);
  if (!files || "error" in files)
    throw new Problem(
      `backups cannot be read: ${files?.error ?? "there are none"}`,
      `plimsoll ps ${site.environment}`,
    );
  const found = pick(
    files.snapshots.filter((one) => one.what === what),
    to,
  );
  if (!found)
    throw new Problem(
      `there is no backup of ${what} for ${to}`,
      `There are: plimsoll backup ${site.environment} list`,
      2,
    );
  return {
    ...source,
    snapshot: found.id,
    ...(found.repository === "local" && files.repositories && { repository: "/repository" }),
    words: `${what} as it was on ${new Date(found.time * 1000).toISOString()} (${found.short})`,
  };
}

/** @param snapshots of one source */
export function pick(snapshots: readonly Snapshot[], to: string): Snapshot | undefined {
  const sorted = [...snapshots].sort((a, b) => a.time - b.time);
  if (to === "latest") return sorted.at(-1);
  if (/^[0-9a-f]{8,64}$/.test(to)) return sorted.find(({ id }) => id.startsWith(to));
  if (!/(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(to))
    throw new Problem(
      `${JSON.stringify(to)} is neither a backup nor a time with its zone`,
      'For example: latest, undo, 1a2b3c4d, "2026-11-20 14:05:00+03"',
      2,
    );
  const at = Date.parse(to.replace(/([+-]\d\d)$/, "$1:00")) / 1000;
  if (Number.isNaN(at))
    throw new Problem(`${JSON.stringify(to)} is no time`, 'For example: "2026-11-20 14:05:00+03"', 2);
  if (at > Date.now() / 1000 + 60) throw new Problem(`${to} is in the future`, undefined, 2);
  return sorted.filter(({ time }) => time <= at).at(-1);
}

export type FilesRestored = {
  what: string;
  snapshot: string /** Seconds that its services were away. */;
  down: number;
  /** Where its service brings it back: how many parts of it (indices) were brought, or taken away by an undo. */
  brought?: number;
};

/** @throws Problem where it did not come to be: what was before is there then, or the words say that it is not */
export async function restoreFiles(
  { site, project }: Running,
  { what, volume, snapshot, broughtBy, repository = "-" }: FilesTarget,
  onLine: (line: string) => void,
): Promise<FilesRestored> {
  const outcome = await site.host.script(
    script(broughtBy ? "bring" : "restore"),
    broughtBy
      ? [
          ...[site.state, project.name, what, volume, snapshot, repository],
          ...[broughtBy.service, ...broughtBy.command],
        ]
      : [site.state, project.name, what, volume, snapshot, String(PATIENCE), repository],
    { environment: engineEnvironment(project), onLine, apart: true },
  );
  if (outcome.exitCode === 97) throw busy(site.environment, outcome);
  if (outcome.exitCode !== 0) {
    const lines = outcome.stderr.trim().split("\n");
    throw new Problem(
      lines.at(-1) || `the restore ended with exit code ${outcome.exitCode}`,
      lines.slice(-3, -1).join("\n") || undefined,
    );
  }
  const down = Number(/^down (\d+)$/m.exec(outcome.stdout)?.[1] ?? 0);
  const brought = /^brought (\d+)$/m.exec(outcome.stdout)?.[1];
  return {
    what,
    snapshot: /^snapshot (\S+)/m.exec(outcome.stdout)?.[1] ?? snapshot,
    down,
    ...(brought !== undefined && { brought: Number(brought) }),
  };
}

export type Filled = {
  what: string /** Undefined where there is no backup of it. */;
  snapshot?: string;
  time?: string;
};

/**
 * Before the first start of a new host: its sidecar's container is created, and nothing runs.
 * @throws Problem where a volume holds something already, or the repository does not open
 */
export async function fillVolumes(
  site: Pick<Site, "host" | "project">,
  environment: Readonly<Record<string, string>> = {},
  snapshot = "latest",
  whats: readonly string[] = [],
): Promise<Filled[]> {
  const { exitCode, stdout, stderr } = await site.host.script(
    script("fill"),
    [site.project, snapshot, ...whats],
    { environment },
  );
  if (exitCode !== 0)
    throw new Problem(
      stderr.trim().split("\n").at(-1) || `filling the volumes ended with exit code ${exitCode}`,
      exitCode === 3 ? "Only volumes of a host that never ran are filled." : undefined,
    );
  return [...stdout.matchAll(/^(?:filled (\S+) (\S+) (\S+)|empty (\S+))$/gm)].map(
    ([, what, id, time, none]): Filled =>
      none !== undefined ? { what: none } : { what: what as string, snapshot: id, time },
  );
}
