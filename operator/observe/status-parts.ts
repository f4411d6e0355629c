/** The newest of the backups, and how far a replica is behind, in a few words. */
import { bytes } from "../../generator/report/units.ts";
import { MiB } from "../../generator/spec/words.ts";
import type { Backups } from "../database/backups.ts";
import type { Node } from "../database/look.ts";
import { span } from "../operate/ps-text.ts";

export function newestOf({ now, postgres, files }: Backups): string[] {
  const ago = (time: number) => span(Math.max(0, now - time));
  const parts: string[] = [];
  if (postgres && "backups" in postgres) {
    const newest = postgres.backups.at(-1);
    const proven = postgres.backups
      .flatMap(({ verified }) => (verified?.outcome === "passed" ? [verified.finished] : []))
      .sort((one, other) => other - one)[0];
    parts.push(newest ? `newest ${ago(newest.finished)} old` : "none of PostgreSQL");
    if (newest) parts.push(proven === undefined ? "never verified" : `verified ${ago(proven)} ago`);
  } else if (files && "snapshots" in files) {
    const newest = files.snapshots.at(-1);
    parts.push(newest ? `newest ${ago(newest.time)} old` : "none yet");
  } else parts.push("not known");
  return parts;
}

/** Where a node neither writes nor follows. */
export function idleText({ name, state, role }: Node): string {
  if (state === "none") return `${name} has no container`;
  if (state !== "running") return `${name} is ${state}`;
  return role === "standby" ? `${name} does not follow` : `${name} does not answer`;
}

/** Silence may be that of a machine too busy to answer within seconds: it is not told as a change of roles. */
export function writerText(pointer: string | undefined, nodes: readonly Node[]): string {
  if (!pointer) return "the proxy does not say who takes the writes";
  const writer = nodes.find(({ name }) => name === pointer);
  if (writer?.role === "primary") return `${pointer} takes the writes`;
  const instead = writer?.role === "standby" ? `${pointer} is a standby` : writer && idleText(writer);
  return `${pointer} is to take the writes${instead ? `: ${instead}` : ""}`;
}

/** Bytes that the writer has written and the replica has not: received and replayed. */
export function lagOf(node: Node, nodes: readonly Node[]): string {
  const writer = nodes.find(({ role }) => role === "primary");
  const ahead = writer && writer.position > node.position ? writer.position - node.position : 0n;
  const lag = Number(ahead + node.replay);
  if (lag === 0) return "in step";
  return `${lag < MiB ? `${Math.ceil(lag / 1024)} KB` : bytes(lag)} behind`;
}
