/** An old primary becomes a replica again. */

import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { engineEnvironment } from "../up/project.ts";
import { busy, databaseScript, describeNodes, type Look, type Node, requireNoRestoring } from "./look.ts";
import { size } from "./promote.ts";

export type Rejoining = {
  writer: string;
  node: string;
  /** In words: what only this node has, and loses; undefined where it is nothing. */
  loses: string | undefined;
};

/** @returns undefined where all nodes follow. @throws Problem where it cannot be, and why */
export function judgeRejoin(look: Look, environment: string, fresh: boolean): Rejoining | undefined {
  const { pointer, nodes, unfinished, promoted } = look;
  if (nodes.length < 2)
    throw new Problem(
      "this stack has one node: there is nobody to follow",
      "stack.yaml: postgres.replica: true",
      2,
    );
  requireNoRestoring(look, environment);
  if (unfinished)
    throw new Problem(
      `the promotion of ${unfinished.new} did not end`,
      `Finish it first: plimsoll promote ${environment}`,
    );
  const writer = nodes.find(({ name }) => name === pointer);
  if (writer?.role !== "primary")
    throw new Problem(`nobody takes writes, so there is nobody to follow\n${describeNodes(look)}`, undefined);
  const second = nodes.find(({ name, role }) => name !== pointer && role === "primary");
  if (second)
    throw new Problem(
      `${second.name} takes writes too: what it holds and ${writer.name} does not would be lost\n${describeNodes(look)}`,
      `Look at its rows first, then stop it: docker stop of its container, and plimsoll rejoin ${environment} again`,
    );
  const others = nodes.filter(({ name }) => name !== pointer);
  const follows = (node: (typeof others)[number]) => node.role === "standby" && node.streaming;
  const node = others.find(({ fenced }) => fenced) ?? others.find((one) => !follows(one)) ?? others[0];
  if (!node || (follows(node) && !node.fenced && !fresh && !writer.alone)) return undefined;
  if (node.role === "standby" && !node.streaming && !node.fenced && !fresh)
    throw new Problem(
      `${node.name} is a replica that does not stream`,
      `Start it anew, it makes its slot and takes the rest from the archive: plimsoll restart ${environment} ${node.name}\nIf that does not help, copy it anew: plimsoll rejoin ${environment} --fresh`,
    );
  if (!writer.support)
    throw new Problem(
      `the nodes run an image that knows of no fence: an older plimsoll made it`,
      `A deploy brings the newer one: plimsoll deploy ${environment}`,
    );
  return { writer: writer.name, node: node.name, loses: losesOf(node, writer, promoted) };
}

function losesOf(node: Node, writer: Node, promoted: Look["promoted"]): string | undefined {
  if (node.role === "standby") return undefined;
  const rest = `that ${writer.name} never received: they are gone afterwards.`;
  // Nothing is written down of one that was stopped or broken by hand.
  if (promoted?.old !== node.name)
    return node.state === "none" ? undefined : `${node.name} may hold commits ${rest}`;
  if (!promoted.lost) return `${node.name} may hold commits, whose number is not known, ${rest}`;
  const { transactions, bytes } = promoted.lost;
  return transactions > 0
    ? `${node.name} holds ${transactions} transaction${transactions === 1 ? "" : "s"} (${size(bytes)}) ${rest}`
    : undefined;
}

/** Six hours: a large database takes its time, and an interruption ends nothing. */
const PATIENCE = 6 * 3600;

export type Rejoined = { node: string; way: "rewound" | "copied" | "streaming"; seconds: number };

/** @param how copied in any case; only waited for; as it can. @throws Problem where a deploy is at work, or the node does not come to follow */
export async function rejoin(
  { site, project }: Running,
  { writer, node }: Rejoining,
  how: "fresh" | "wait" | "-",
  onLine: (line: string) => void,
): Promise<Rejoined> {
  const outcome = await site.host.script(
    databaseScript("rejoin"),
    [site.state, project.name, project.folder, writer, node, String(PATIENCE), how],
    { environment: engineEnvironment(project), onLine, apart: true },
  );
  if (outcome.exitCode === 97) throw busy(site.environment, outcome);
  if (outcome.exitCode !== 0) {
    const said = outcome.stderr.trim().split("\n").at(-1);
    throw new Problem(
      said || `it ended with exit code ${outcome.exitCode}`,
      `What it says: plimsoll logs ${site.environment} --service ${node}`,
    );
  }
  const word = (key: string) => new RegExp(`^${key} (\\S+)$`, "m").exec(outcome.stdout)?.[1];
  const way = word("way");
  return {
    node,
    way: way === "rewound" || way === "copied" ? way : "streaming",
    seconds: Number(word("seconds") ?? 0),
  };
}
