/** The replica takes over from the primary. */

import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { engineEnvironment } from "../up/project.ts";
import {
  busy,
  databaseScript,
  describeNodes,
  type Look,
  type Loss,
  type Node,
  PROXY,
  parseLoss,
  requireNoRestoring,
} from "./look.ts";

export type Promotion = {
  old: string;
  new: string;
  /** An earlier run did not end: this one does the rest. */
  resume: boolean;
  /** In words: what may be lost. */
  risk: string;
};

/** @param wanted the node that shall write; the replica if absent. @throws Problem where it cannot be, and why */
export function judgePromotion(look: Look, environment: string, wanted?: string): Promotion {
  const { pointer, nodes, unfinished } = look;
  const find = (name: string | undefined) => nodes.find((node) => node.name === name);
  const known = nodes.map(({ name }) => name);
  if (wanted !== undefined && !find(wanted))
    throw new Problem(`there is no node ${JSON.stringify(wanted)}`, `There are: ${known.join(", ")}`, 2);
  if (nodes.length < 2)
    throw new Problem("this stack has no replica to promote", "stack.yaml: postgres.replica: true", 2);
  requireNoRestoring(look, environment);
  if (unfinished) return resumed(look, unfinished, wanted);
  if (pointer === undefined)
    throw new Problem(
      "the proxy before PostgreSQL does not answer: whom it sends writes to is not known, and cannot be changed",
      `Start it: plimsoll restart ${environment} ${PROXY}\nWhat it said: plimsoll logs ${environment} --service ${PROXY}`,
    );
  const old = find(pointer);
  if (wanted === pointer && old?.role === "primary")
    throw new Problem(`${pointer} takes the writes already: there is nothing to do`);
  const second = nodes.find((node) => node.name !== pointer && node.role === "primary");
  if (second && old?.role !== "primary")
    throw new Problem(
      `${second.name} leads already, and the proxy sends the writes to ${pointer}\n${describeNodes(look)}`,
      `Point it at ${second.name}: plimsoll exec ${environment} ${PROXY} bash /usr/local/etc/haproxy/pointer.sh set ${second.name}\nThen let ${pointer} follow: plimsoll rejoin ${environment}`,
    );
  if (second)
    throw new Problem(
      `${second.name} takes writes of its own, and the proxy sends them to ${pointer}: one of them has to go first`,
      `${describeNodes(look)}\nLook which has the newer rows: plimsoll exec ${environment} ${second.name} psql -h 127.0.0.1 -U postgres`,
    );
  const next = candidate(look, environment, wanted);
  return { old: pointer, new: next.name, resume: false, risk: riskOf(old, next) };
}

function resumed(look: Look, { old, new: next }: { old: string; new: string }, wanted?: string): Promotion {
  if (wanted !== undefined && wanted !== next)
    throw new Problem(
      `a promotion of ${next} did not end: it has to be finished first`,
      "Run it again without a name.",
    );
  const node = look.nodes.find(({ name }) => name === next);
  if (!node || node.role === "silent")
    throw new Problem(
      `the promotion of ${next} did not end, and ${next} does not answer`,
      describeNodes(look),
    );
  return {
    old,
    new: next,
    resume: true,
    risk: "An earlier promotion did not end: this does what is left of it.",
  };
}

function candidate(look: Look, environment: string, wanted?: string): Node {
  const { pointer, nodes } = look;
  const others = nodes.filter(({ name }) => name !== pointer && (wanted === undefined || name === wanted));
  const able = others
    .filter(({ role, fenced }) => role === "standby" && !fenced)
    .sort((one, other) => (one.position < other.position ? 1 : -1));
  const best = able[0];
  if (!best) {
    const fenced = others.find((node) => node.fenced);
    throw new Problem(
      `there is no healthy replica to promote\n${describeNodes(look)}`,
      fenced
        ? `Let ${fenced.name} follow first: plimsoll rejoin ${environment}`
        : `Start it: plimsoll restart ${environment} ${others[0]?.name}\nWhat it said: plimsoll logs ${environment} --service ${others[0]?.name}`,
    );
  }
  if (!best.support)
    throw new Problem(
      `${best.name} runs an image that knows of no fence: an older plimsoll made it`,
      `A deploy brings the newer one: plimsoll deploy ${environment}`,
    );
  const old = nodes.find(({ name }) => name === pointer);
  if (old?.role === "primary" && !best.streaming)
    throw new Problem(
      `${best.name} does not follow ${old.name}, which takes writes: ${size(behind(old, best))} would be lost\n${describeNodes(look)}`,
      `Let it catch up first: plimsoll restart ${environment} ${best.name}`,
    );
  return best;
}

function behind(old: Node, next: Node): bigint {
  return old.position > next.position ? old.position - next.position : 0n;
}

function riskOf(old: Node | undefined, next: Node): string {
  const replay = next.replay > 0n ? ` It has ${size(next.replay)} to replay first.` : "";
  if (old?.role === "primary") {
    return `${old.name} answers: it ends in peace and hands over all it wrote, so nothing is lost.${replay}`;
  }
  // Without a replica to wait for nobody waited, whatever the standby is told.
  if (next.synchronous && !old?.alone)
    return `${old?.name ?? "the primary"} does not answer. Nothing that was acknowledged is lost: postgres.synchronous is on.${replay}`;
  return `${old?.name ?? "the primary"} does not answer. Its last commits may be lost: what it wrote and ${next.name} did not receive; afterwards they are counted.${replay}`;
}

export function size(bytes: bigint | number): string {
  const value = Number(bytes);
  if (value < 1024) return `${value} bytes`;
  return value < 1024 ** 2 ? `${(value / 1024).toFixed(1)} kB` : `${(value / 1024 ** 2).toFixed(1)} MB`;
}

export type Promoted = {
  old: string;
  new: string;
  /** From the fence to the first write that was accepted. */
  seconds: number;
  /** Whether the old one ended in peace. */
  clean: boolean;
  synchronous: boolean;
  /** What the old one wrote and the new one never received; undefined where it cannot be counted. */
  lost: Loss;
  /** Commits wait for no replica until one is back. */
  alone: boolean;
};

/** @throws Problem where a deploy is at work, or a step failed: it says what is changed by then */
export async function promote(
  { site, project }: Running,
  look: Look,
  promotion: Promotion,
  onLine: (line: string) => void,
): Promise<Promoted> {
  const outcome = await site.host.script(
    databaseScript("lost", "promote"),
    [site.state, project.name, PROXY, promotion.old, promotion.new],
    { environment: engineEnvironment(project), onLine, apart: true },
  );
  if (outcome.exitCode === 97) throw busy(site.environment, outcome);
  if (outcome.exitCode !== 0) {
    const said = outcome.stderr.trim().split("\n").at(-1);
    throw new Problem(
      said || `the promotion ended with exit code ${outcome.exitCode}`,
      `How things are: plimsoll ps ${site.environment}\nRun again it does what is left: plimsoll promote ${site.environment}`,
    );
  }
  const lines = outcome.stdout.split("\n").map((line) => line.split(" "));
  const words = (key: string) => lines.find(([first]) => first === key)?.slice(1) ?? [];
  return {
    old: promotion.old,
    new: promotion.new,
    seconds: Number(words("seconds")[0]),
    clean: words("ended")[0] === "clean",
    synchronous:
      look.nodes.some(({ synchronous }) => synchronous) &&
      !look.nodes.find(({ name }) => name === promotion.old)?.alone,
    lost: parseLoss(words("lost")),
    alone: lines.some(([key]) => key === "alone"),
  };
}

/** What a person must know of it. */
export function lossText({ old, new: next, clean, lost, synchronous }: Promoted): string {
  if (lost && lost.transactions === 0 && lost.bytes === 0)
    return clean
      ? `nothing was lost: ${old} ended in peace, and ${next} has all it wrote`
      : `nothing was lost: ${next} has all that ${old} wrote`;
  const tail = lost
    ? `${lost.transactions} transaction${lost.transactions === 1 ? "" : "s"} (${size(lost.bytes)} of its log)`
    : "its last commits, whose number cannot be found out,";
  return synchronous
    ? `nothing that was acknowledged was lost (postgres.synchronous); ${old} has ${tail} that nobody was told of`
    : `${tail} of ${old} may be lost: ${next} never received them, and a client may have been told otherwise`;
}
