/** The hold: what the machine has, what is the host's, and a block for every service. */
import type { BudgetReport, BudgetRow } from "./budget.ts";
import { element, escapeXml, figure, text, widthOfText } from "./svg.ts";
import { type Box, treemap } from "./treemap.ts";
import { bytes } from "./units.ts";

/** Where the memory is drawn: its height is all of the machine's. */
export const HOLD: Box = { x: 178, y: 178, width: 700, height: 292 };

type Block = { row: BudgetRow; component: string };

export function hold(
  report: BudgetReport,
  colours: ReadonlyMap<string, string>,
  line: number,
  water: number,
): string[] {
  const { memory, reserves } = report;
  const bottom = HOLD.y + HOLD.height;
  const load: Box = { ...HOLD, y: water, height: bottom - water };
  const groups = [
    ...report.groups.map(({ component, rows }) => ({ component, rows })),
    ...(reserves.length > 0 ? [{ component: "", rows: reserves }] : []),
  ];
  const sum = (rows: readonly BudgetRow[]) => rows.reduce((total, row) => total + row.memory, 0);
  const blocks = treemap(
    [...groups].sort((a, b) => sum(b.rows) - sum(a.rows)),
    ({ rows }) => sum(rows),
    load,
  ).flatMap(({ item, box }) =>
    treemap(item.rows, (row) => row.memory, box).map((placed) => ({
      ...placed,
      item: { row: placed.item, component: item.component } satisfies Block,
    })),
  );
  const free = memory.line - memory.loaded;
  return [
    element("rect", {
      x: HOLD.x - 7,
      y: HOLD.y - 7,
      width: HOLD.width + 14,
      height: HOLD.height + 14,
      rx: 7,
      fill: "#101a23",
    }),
    element("rect", { ...HOLD, fill: "#e8edf0" }),
    element("rect", { x: HOLD.x, y: HOLD.y, width: HOLD.width, height: line - HOLD.y, fill: "url(#host)" }),
    ...(line - HOLD.y >= 12 ? [stripText(`${bytes(memory.host)} kept for the host`, HOLD.y, line)] : []),
    ...(water - line >= 14 ? [stripText(`${bytes(free)} free`, line, water)] : []),
    ...blocks.map(({ item, box }) => blockOf(item, box, colours)),
    element("path", {
      d: `M${HOLD.x} ${figure(line)} H${HOLD.x + HOLD.width}`,
      stroke: "#101a23",
      "stroke-width": 1.2,
      "stroke-dasharray": "5 4",
    }),
  ];
}

function stripText(label: string, top: number, bottom: number): string {
  const size = Math.min(13, Math.max(10, (bottom - top) * 0.72));
  return text(label, HOLD.x + HOLD.width / 2, (top + bottom) / 2 + size * 0.36, {
    "font-size": size,
    fill: "#33424e",
    "text-anchor": "middle",
  });
}

function blockOf({ row, component }: Block, box: Box, colours: ReadonlyMap<string, string>): string {
  const gap = Math.min(1.2, box.width / 8, box.height / 8);
  const inner = { x: box.x + gap, y: box.y + gap, width: box.width - 2 * gap, height: box.height - 2 * gap };
  const rx = Math.min(3, inner.width / 4, inner.height / 4);
  const reserve = row.reserve !== undefined;
  const fill = reserve ? "url(#kept)" : colours.get(component);
  return element(
    "g",
    {},
    element("title", {}, escapeXml(`${row.service}: ${bytes(row.memory)}`)),
    element("rect", { ...inner, rx, fill }),
    ...(reserve ? [] : [element("rect", { ...inner, rx, fill: "url(#ribs)" })]),
    ...(reserve
      ? labelOf("kept free", row.memory, inner, "#33424e")
      : labelOf(row.service, row.memory, inner, "#ffffff")),
  );
}

type Label = { lines: readonly string[]; size: number; turned: boolean };

/** The largest way to write name and memory that fits: level or upright, the name broken at a hyphen, or alone. */
function labelOf(name: string, amount: number, box: Box, fill: string): string[] {
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const memory = bytes(amount);
  const hyphen = name.lastIndexOf("-") + 1;
  const broken =
    hyphen > 2 && name.length - hyphen > 2 ? [name.slice(0, hyphen), name.slice(hyphen)] : [name];
  const ways = [15, 13, 11.5, 10].flatMap((size): Label[] =>
    [[name, memory], [...broken, memory], [name]].flatMap((lines) =>
      [false, true].map((turned) => ({ lines, size, turned })),
    ),
  );
  const way = ways.find(({ lines, size, turned }) => {
    const [width, height] = turned ? [box.height, box.width] : [box.width, box.height];
    return (
      height >= size * (1.2 * lines.length + 0.15) &&
      lines.every((line) => widthOfText(line, size, line !== memory) <= width - 6)
    );
  });
  if (way === undefined) return [];
  const { lines, size, turned } = way;
  const rotate = turned ? { transform: `rotate(-90 ${figure(x)} ${figure(y)})` } : {};
  return lines.map((line, index) =>
    text(line, x, y + size * (0.36 + 1.2 * (index - (lines.length - 1) / 2)), {
      "font-size": line === memory ? size - 1 : size,
      "font-weight": line === memory ? undefined : 600,
      "text-anchor": "middle",
      fill,
      ...rotate,
    }),
  );
}
