/** A person's word on an item, kept on the host: who, when, for which release, until when. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { Problem } from "../problem.ts";
import { audited } from "../settings/audit.ts";
import type { Site } from "../site/site.ts";
import { lookAtMachine } from "./context.ts";
import type { Facts } from "./facts.ts";
import { groupOf, groups, type Item } from "./item.ts";
import { REPLACE } from "./state-file.ts";

const DAY = 86_400_000;

export const Confirmation = z.object({
  by: z.string(),
  at: z.iso.datetime(),
  note: z.string().optional(),
  release: z.string(),
  until: z.iso.datetime().optional(),
});
export type Confirmation = z.output<typeof Confirmation>;

/** What can be read of it: a file that is none holds no word. */
export function confirmationsIn(facts: Facts): Record<string, Confirmation> {
  try {
    return z.record(z.string(), Confirmation).parse(JSON.parse(facts.encoded("checks_confirmed") ?? "{}"));
  } catch {
    return {};
  }
}

/** What comes before a deploy is about the release to come; what is looked at afterwards about the current one. */
export function releaseMeant(item: Item, facts: Facts): string {
  const latest = Math.max(0, ...facts.all("release").map((line) => Number(/^v(\d+)/.exec(line)?.[1] ?? 0)));
  const next = `v${latest + 1}`;
  const { list } = groups[groupOf(item.id)] ?? { list: "preflight" };
  return list === "preflight" || list === "before" ? next : (facts.one("current") ?? next);
}

export function holding(item: Item, facts: Facts, now: number): Confirmation | undefined {
  const word = confirmationsIn(facts)[item.id];
  if (!word) return undefined;
  if (item.holds === "release") return word.release === releaseMeant(item, facts) ? word : undefined;
  return word.until !== undefined && Date.parse(word.until) > now ? word : undefined;
}

export type Word = { by: string; note?: string };

/** @throws Problem where the words cannot be kept */
export async function confirm(site: Site, item: Item, word: Word): Promise<Confirmation> {
  requireWords(word);
  const what = `${item.id} by ${word.by}`;
  return audited(site, { command: "check --confirm", what, release: ({ release }) => release }, () =>
    write(site, item, word),
  );
}

async function write(site: Site, item: Item, { by, note }: Word): Promise<Confirmation> {
  const path = join(site.state, "checks/confirmed.json");
  for (let tries = 0; tries < 5; tries++) {
    const facts = await lookAtMachine(site);
    const now = Date.now();
    const entry: Confirmation = {
      by,
      at: new Date(now).toISOString(),
      ...(note && { note }),
      release: releaseMeant(item, facts),
      ...(item.holds !== "release" && { until: new Date(now + item.holds * DAY).toISOString() }),
    };
    const before = facts.encoded("checks_confirmed");
    const seen = before === undefined ? "absent" : createHash("sha256").update(before).digest("hex");
    const input = `${JSON.stringify({ ...confirmationsIn(facts), [item.id]: entry }, null, 2)}\n`;
    const { exitCode, stderr } = await site.host.script(REPLACE, [path, seen], { input });
    if (exitCode === 0) return entry;
    // 3: somebody else confirmed something meanwhile. Theirs is kept too.
    if (exitCode !== 3) {
      const why = stderr.trim().split("\n").at(-1);
      throw new Problem(`${path} on ${site.host.name} cannot be written: ${why}`);
    }
  }
  throw new Problem(`somebody else is confirming on ${site.host.name} all the time`, "Try again.");
}

/** They are shown on terminals and kept in a file: one line, printable. @throws Problem (2) */
export function requireWords({ by, note }: Word): void {
  const fits = (text: string) => text.trim() !== "" && text.length <= 300 && !/\p{C}/u.test(text);
  if (!fits(by)) throw new Problem("--by is no name", "Say who: --by ana", 2);
  if (note !== undefined && !fits(note)) {
    throw new Problem("--note is empty, longer than 300 characters, or not one line", undefined, 2);
  }
}
