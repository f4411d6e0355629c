/** What a host knows of a failback that was begun on it. */
import type { Site } from "../site/site.ts";

export const PHASES = ["closing", "closed", "away", "gone", "returning"] as const;
export type Phase = (typeof PHASES)[number];

/** Where the log of the old site ends, and everything that was acknowledged with it. */
export type LogEnd = { timeline: number; lsn: string };

export type Note = {
  /**
   * closing: it is being closed; closed: nobody writes there, and all of it is in the bucket; away: the new site is coming
   * up; gone: the new site serves; returning: it is being opened again.
   */
  phase: Phase;
  /** The new host, as ssh takes it. */
  to: string;
  by: string;
  /** Milliseconds of the epoch, by the host's clock. */
  began: number;
  /** Undefined for a stack without PostgreSQL. */
  end: LogEnd | undefined;
  /** Undefined before there is one. */
  bundle: string | undefined;
};

/** Undefined where none was begun. @throws Problem where the connection is lost */
export async function readNote({ host, state }: Pick<Site, "host" | "state">): Promise<Note | undefined> {
  const text = await host.read(`${state}/failback`);
  return text === undefined ? undefined : parseNote(text);
}

export function parseNote(text: string): Note | undefined {
  const [word = "", to = "", by = "", began = "", at = "-", bundle = "-"] = text.split("\n");
  const phase = PHASES.find((name) => name === word);
  if (!phase) return undefined;
  const [timeline, lsn] = at.split(" ");
  return {
    phase,
    to,
    by,
    began: Math.floor(Number(began) / 1000) || 0,
    end: timeline && lsn ? { timeline: Number(timeline), lsn } : undefined,
    bundle: bundle === "-" ? undefined : bundle,
  };
}

/** @param arrived what seed.bash wrote on the new host before it served: TIMELINE END PARTED; maybe of an earlier move */
export function cameTo(arrived: string | undefined, end: LogEnd | undefined): boolean {
  const [timeline, lsn] = arrived?.trim().split(" ") ?? [];
  return end !== undefined && Number(timeline) === end.timeline && lsn === end.lsn;
}
