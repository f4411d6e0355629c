/** The nodes of PostgreSQL as they are: who writes, who follows, who is fenced, and how far each is. */
import { readOwn } from "../../generator/package.ts";
import type { Outcome } from "../host/host.ts";
import { nodesOf } from "../operate/database.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import { engineEnvironment } from "../up/project.ts";

/** The service before the nodes, whose pointer says who writes. */
export const PROXY = "postgres";

export type Node = {
  name: string;
  /** As Docker says it; `none` where there is no container. */
  state: string;
  /** It starts no server until it is let back as a replica. */
  fenced: boolean;
  /** Its image knows of fences. */
  support: boolean;
  /** Commits on it wait for no replica, although stack.yaml wants them to. */
  alone: boolean;
  role: "primary" | "standby" | "silent";
  /** What it wrote last, or has received last. */
  lsn: string;
  /** The same as a number of bytes. */
  position: bigint;
  /** Bytes that a standby has and did not replay yet. */
  replay: bigint;
  streaming: boolean;
  synchronous: boolean;
};

/** Undefined: not known. */
export type Loss = { transactions: number; bytes: number } | undefined;

export type Look = {
  /** Whom the proxy hands the writes; undefined where it does not answer. */
  pointer: string | undefined;
  nodes: readonly Node[];
  /** A promotion that did not end. */
  unfinished: { old: string; new: string } | undefined;
  /** A restore in place, or its undo, that did not end: `ahead`, where the old data serve still, or `swap`. */
  restoring: string | undefined;
  /** What the fenced one wrote and nobody else has. */
  promoted: { old: string; lost: Loss } | undefined;
};

/** A script of this room, behind what it stands on. */
export function databaseScript(...parts: readonly string[]): string {
  return ["lib", ...parts].map((part) => readOwn(`operator/database/${part}.bash`)).join("\n");
}

/** One round trip. @throws Problem where the stack has no PostgreSQL of its own */
export async function lookAtDatabase({ site, project }: Running): Promise<Look> {
  const nodes = nodesOf(project.plan);
  if (nodes.length === 0) throw new Problem("this stack has no PostgreSQL of its own", undefined, 2);
  const outcome = await site.host.script(
    databaseScript("look"),
    [site.state, project.name, PROXY, ...nodes],
    { environment: engineEnvironment(project) },
  );
  return parseLook(requireDone(site, outcome, "looking at the database").stdout);
}

export function parseLook(text: string): Look {
  const lines = text.split("\n").map((line) => line.split(" "));
  const words = (key: string) => lines.find(([first]) => first === key)?.slice(1);
  const [old, next] = words("unfinished") ?? [];
  const [fenced, ...lost] = words("lost") ?? [];
  const pointer = words("pointer")?.[0];
  return {
    pointer: pointer === "-" ? undefined : pointer,
    restoring: words("restoring")?.[0],
    unfinished: old && next ? { old, new: next } : undefined,
    promoted: fenced ? { old: fenced, lost: parseLoss(lost) } : undefined,
    nodes: lines.filter(([key]) => key === "node").map(([, ...rest]) => parseNode(rest)),
  };
}

function parseNode(words: readonly string[]): Node {
  const [name = "", state = "none", fenced, support, alone, role, lsn = "-", ...rest] = words;
  const [position, replay, streaming, synchronous] = rest;
  return {
    name,
    state,
    fenced: fenced === "yes",
    support: support === "yes",
    alone: alone === "yes",
    role: role === "primary" || role === "standby" ? role : "silent",
    lsn,
    position: bytes(position),
    replay: bytes(replay),
    streaming: streaming === "yes",
    synchronous: synchronous === "yes",
  };
}

function bytes(word: string | undefined): bigint {
  return /^\d+$/.test(word ?? "") ? BigInt(word as string) : 0n;
}

export function parseLoss([transactions, bytes]: readonly string[]): Loss {
  if (!/^\d+$/.test(transactions ?? "") || !/^\d+$/.test(bytes ?? "")) return undefined;
  return { transactions: Number(transactions), bytes: Number(bytes) };
}

/** For errors: every node in a line. */
export function describeNodes({ nodes, pointer }: Pick<Look, "nodes" | "pointer">): string {
  return nodes.map((node) => `${node.name}: ${describeNode(node, node.name === pointer)}`).join("\n");
}

function describeNode(node: Node, writer: boolean): string {
  if (node.fenced) return `fenced (${node.state})`;
  if (node.state === "none") return "has no container";
  if (node.role === "silent") return node.state === "running" ? "runs and does not answer" : node.state;
  if (node.role === "primary") return writer ? "takes the writes" : "is a primary that gets no writes";
  return node.streaming ? "follows" : "is a replica that does not stream";
}

/** Two of anything at once is refused. @param outcome whose last word on stderr says who has the lock */
export function busy(environment: string, { stderr }: Pick<Outcome, "stderr">): Problem {
  const who = stderr.trim().split("\n").at(-1);
  return new Problem(
    `another is at work on ${environment}: ${who || "a deploy, a restart, a promotion or a restore"}`,
    `Wait for it. Deploys: plimsoll releases ${environment}`,
  );
}

/** @throws Problem where a restore in place was cut short in its outage: whoever changes roles then could lose data */
export function requireNoRestoring({ restoring }: Pick<Look, "restoring">, environment: string): void {
  if (restoring !== "swap") return;
  throw new Problem(
    "a restore in place, or its undo, did not end",
    `Finish it: plimsoll restore ${environment} --in-place\nOr take it back: plimsoll restore ${environment} --undo`,
  );
}
