import { type Fault, formatFault, InputError } from "../generator/spec/fault.ts";

/** Runs all, then throws the faults of all together, each once. */
export async function collectFaults<Item, Result>(
  items: readonly Item[],
  action: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const faults = new Map<string, Fault>();
  for (const item of items) {
    try {
      results.push(await action(item));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      for (const fault of error.faults) faults.set(formatFault(fault), fault);
    }
  }
  if (faults.size > 0) throw new InputError([...faults.values()]);
  return results;
}
