/** Releases of a host as it keeps them: each with what it was, who made it, and what became of it. */
import { z } from "zod";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { type EngineEvent, parseEvent } from "./follow.ts";

export const Release = z.looseObject({
  version: z.string(),
  kind: z.string(),
  from: z.string().nullable(),
  /** The release that this one goes back to. */
  of: z.string().optional(),
  created: z.string(),
  by: z.string(),
  message: z.string().optional(),
  commit: z.string().optional(),
  dirty: z.boolean().optional(),
  changes: z.array(z.string()).default([]),
});
export type Release = z.output<typeof Release> & { state: string; reason?: string; current: boolean };

/** The newest first. One round trip. */
export async function readReleases(site: Site): Promise<Release[]> {
  const { stdout } = await site.host.script(LIST, [site.state]);
  const [first = "", ...blocks] = stdout.split("\n\u001e");
  const current = first.trim();
  return blocks
    .flatMap((block) => {
      const [json = "", state = "", reason = ""] = block.split("\u001f");
      const parsed = Release.safeParse(parseJson(json));
      if (!parsed.success) return [];
      const release = { ...parsed.data, state: state.trim(), current: parsed.data.version === current };
      return [reason.trim() ? { ...release, reason: reason.trim() } : release];
    })
    .sort((a, b) => Number(b.version.slice(1)) - Number(a.version.slice(1)));
}

const LIST = `cat -- "$1/current" 2>/dev/null || echo
for folder in "$1"/releases/v*; do
  [[ -f $folder/release.json ]] || continue
  printf '\\n\\036'; cat -- "$folder/release.json"
  printf '\\037'; cat -- "$folder/state" 2>/dev/null
  printf '\\037'; cat -- "$folder/reason" 2>/dev/null
done
exit 0`;

export type Shown = Release & { events: EngineEvent[]; migrations?: string };

/** @throws Problem where the host keeps no such release */
export async function showRelease(site: Site, version: string): Promise<Shown> {
  const releases = await readReleases(site);
  const release = releases.find((one) => one.version === version);
  if (!release) throw unknownRelease(version, releases);
  const { stdout } = await site.host.script(
    `cd -- "$1/releases/$2" && cat -- events 2>/dev/null; printf '\\036'; cat -- migrations 2>/dev/null; exit 0`,
    [site.state, version],
  );
  const [events = "", migrations = ""] = stdout.split("\u001e");
  return {
    ...release,
    events: events.split("\n").flatMap((line) => parseEvent(line) ?? []),
    ...(migrations.trim() && { migrations: migrations.trim() }),
  };
}

export function unknownRelease(version: string, releases: readonly Release[]): Problem {
  const kept = releases.map((one) => one.version).join(", ") || "none";
  return new Problem(`there is no release ${version}`, `Kept on the host: ${kept}`, 2);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A table for people. */
export function releaseLines(releases: readonly Release[]): string[] {
  return releases.map(({ version, state, created, by, kind, of, message, commit, changes, current }) => {
    const what = message ?? (changes.join(", ") || (of ? `back to ${of}` : ""));
    const where = commit ? ` ${commit.slice(0, 8)}` : "";
    return `${current ? "*" : " "} ${version.padEnd(5)} ${state.padEnd(12)} ${created.slice(0, 16).replace("T", " ")}  ${by.padEnd(20)} ${kind}${where}  ${what}`.trimEnd();
  });
}
