/** Under the hull: every service with its memory, since the smallest blocks have no room for a name. */
import type { BudgetReport, BudgetRow } from "./budget.ts";
import { SEA } from "./hull-scene.ts";
import { element, text } from "./svg.ts";
import { bytes, groupBy, joinNames, wrap } from "./units.ts";

const COLUMNS = 5;
const GAP = 24;
const HEAD = 22;
const ROW = 17;
const AFTER = 14;
/** Characters of a name before it is broken. */
const LABEL = 20;

type Entry = {
  name: string;
  colour: string;
  memory: number;
  rows: readonly { lines: readonly string[]; memory: string }[];
};

export function legend(
  report: BudgetReport,
  colours: ReadonlyMap<string, string>,
  { x, y, width }: { x: number; y: number; width: number },
): { elements: string[]; bottom: number } {
  const entries = entriesOf(report, colours);
  const column = (width - GAP * (COLUMNS - 1)) / COLUMNS;
  const bottoms = Array.from({ length: COLUMNS }, () => y);
  const elements = entries.flatMap((entry) => {
    // Into the column that is shortest so far.
    const at = bottoms.indexOf(Math.min(...bottoms));
    const [left, top] = [x + at * (column + GAP), bottoms[at] as number];
    bottoms[at] = top + HEAD + entry.rows.flatMap(({ lines }) => lines).length * ROW + AFTER;
    return draw(entry, left, top, column);
  });
  return { elements, bottom: Math.max(...bottoms) - AFTER };
}

function draw({ name, colour, memory, rows }: Entry, x: number, y: number, width: number): string[] {
  const right = x + width;
  return [
    element("rect", {
      x,
      y: y - 11,
      width: 13,
      height: 13,
      rx: 2.5,
      fill: colour,
      stroke: "#ffffff",
      "stroke-width": 1.2,
    }),
    text(name, x + 21, y, { "font-size": 15, "font-weight": 700, fill: SEA.text }),
    text(bytes(memory), right, y, {
      "font-size": 15,
      "font-weight": 700,
      fill: SEA.text,
      "text-anchor": "end",
    }),
    ...rows
      .flatMap(({ lines, memory: amount }) =>
        lines.map((label, index) => ({ label, amount: index === 0 ? amount : "" })),
      )
      .flatMap(({ label, amount }, index) => {
        const line = y + HEAD - 2 + index * ROW;
        const style = { "font-size": 13, fill: SEA.quiet };
        return [
          text(label, x + 21, line, style),
          ...(amount === "" ? [] : [text(amount, right, line, { ...style, "text-anchor": "end" })]),
        ];
      }),
  ];
}

function entriesOf(report: BudgetReport, colours: ReadonlyMap<string, string>): Entry[] {
  const entries = report.groups.map(
    ({ component, memory, rows }): Entry => ({
      name: component,
      colour: colours.get(component) as string,
      memory,
      rows: rows.length === 1 && rows[0]?.service === component ? [] : joined(rows),
    }),
  );
  if (report.reserves.length > 0) {
    const memory = report.reserves.reduce((sum, row) => sum + row.memory, 0);
    entries.push({ name: "kept free", colour: "url(#kept)", memory, rows: joined(report.reserves) });
  }
  return entries;
}

/** Numbered services of the same size in one row. */
function joined(rows: readonly BudgetRow[]): Entry["rows"] {
  const alike = groupBy(rows, (row) => `${row.service.replace(/\d+$/, "")} ${row.memory}`);
  return [...alike.values()].map((members) => ({
    lines: wrap(joinNames(members.map(({ service }) => service)), LABEL),
    memory: `${members.length > 1 ? `${members.length} × ` : ""}${bytes((members[0] as BudgetRow).memory)}`,
  }));
}
