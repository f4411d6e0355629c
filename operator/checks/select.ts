/** Which items `--only` and `--confirm` mean. */
import { nearest } from "../../generator/spec/nearest.ts";
import { Problem } from "../problem.ts";
import { groupOf, groups, type Item, lists } from "./item.ts";

/** By id (`code.tests`), group (`code`) or list (`targets`); all where none is named. @throws Problem (2) */
export function selectItems(items: readonly Item[], words: readonly string[] | undefined): Item[] {
  if (words === undefined) return [...items];
  for (const word of words) {
    if (!items.some((item) => names(item).includes(word))) throw unknown(word, items.flatMap(names));
  }
  return items.filter((item) => names(item).some((name) => words.includes(name)));
}

/** @throws Problem (2) */
export function oneItem(items: readonly Item[], id: string): Item {
  const item = items.find((one) => one.id === id);
  if (!item)
    throw unknown(
      id,
      items.map((one) => one.id),
    );
  return item;
}

function names({ id }: Item): string[] {
  const group = groupOf(id);
  return [id, group, groups[group]?.list ?? ""];
}

function unknown(word: string, known: readonly string[]): Problem {
  const near =
    nearest(word, known) ??
    nearest(
      `${word}`,
      known.map((id) => id.split(".").at(-1) as string),
    );
  const all = known.filter((id) => near !== undefined && id.endsWith(`.${near}`));
  const meant = near && (all[0] ?? near);
  return new Problem(
    `there is no item ${JSON.stringify(word)}${meant ? `; did you mean ${meant}?` : ""}`,
    `Groups: ${Object.keys(groups).join(", ")}. Lists: ${Object.keys(lists).join(", ")}. Items: docs/checklist.md`,
    2,
  );
}
