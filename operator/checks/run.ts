/** Runs items side by side. Each has its time; none can hold up or break the others. */
import { holding } from "./confirmations.ts";
import type { CheckContext } from "./context.ts";
import { groupOf, groups, type Item, type ListName, type Verdict } from "./item.ts";

export type Checked = Verdict &
  Pick<Item, "id" | "title" | "how" | "required"> & {
    list: ListName;
    /** Who said so, where a person did. */
    by?: string;
  };

/** At once: most wait for the host, and two of them are the application's tests and linter. */
const LIMIT = 6;

export async function runItems(
  items: readonly Item[],
  context: CheckContext,
  { signal, onDone }: { signal?: AbortSignal; onDone?(done: Checked): void } = {},
): Promise<Checked[]> {
  const results = new Array<Checked>(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length && !signal?.aborted) {
      const index = next++;
      results[index] = await check(items[index] as Item, context, signal);
      onDone?.(results[index]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(LIMIT, items.length) }, lane));
  signal?.throwIfAborted();
  return results;
}

/** Only a required one that failed: what is not known, or not confirmed, is said and stops nobody. */
export function stops({ required, state }: Pick<Checked, "required" | "state">): boolean {
  return required && state === "failed";
}

async function check(item: Item, context: CheckContext, signal?: AbortSignal): Promise<Checked> {
  const { id, title, how, required } = item;
  const list = (groups[groupOf(id)] as { list: ListName }).list;
  const verdict = await bounded(item, context, signal);
  const found = { id, list, title, how, required, ...verdict };
  // A person's word stands where nothing was found out; it overrules no finding.
  if (verdict.state === "failed" || verdict.state === "passed") return found;
  const word = await context.machine().then(
    (facts) => holding(item, facts, context.now()),
    () => undefined,
  );
  if (word) {
    const said = `${word.by} on ${word.at.slice(0, 10)}${word.note ? `: ${word.note}` : ""}`;
    return { ...found, state: "passed", said, remedy: undefined, by: word.by };
  }
  const remedy = `plimsoll check ${context.site.environment} --confirm ${id} --by NAME`;
  return verdict.state === "unconfirmed" ? { ...found, remedy } : found;
}

async function bounded(item: Item, context: CheckContext, outer?: AbortSignal): Promise<Verdict> {
  const ending = new AbortController();
  const signal = outer ? AbortSignal.any([outer, ending.signal]) : ending.signal;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Verdict>((resolve) => {
    timer = setTimeout(() => {
      resolve({ state: "failed", said: `no answer within ${item.timeout} s` });
      ending.abort();
    }, item.timeout * 1000);
  });
  try {
    return await Promise.race([Promise.resolve(item.run(context, signal)), late]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { state: "failed", said: message.split("\n")[0] || "it failed and said nothing" };
  } finally {
    clearTimeout(timer);
  }
}
