/**
 * The budget as a picture: a hull in section, loaded with blocks as large as the services' memory, afloat. Every area
 * in the hold is to scale, from the keel (nothing) to the deck (all of the machine's memory); the water stands where
 * the load reaches, the mark where the line is.
 */
import type { BudgetReport, BudgetRow } from "./budget.ts";
import { legend } from "./hull-legend.ts";
import { coloursOf, defs, INK, SEA, scenery } from "./hull-scene.ts";
import { element, escapeXml, figure, text, widthOfText } from "./svg.ts";
import { type Box, treemap } from "./treemap.ts";
import { bytes, percent } from "./units.ts";

const WIDTH = 1200;
/** Where the memory is drawn: its height is all of the machine's. */
const HOLD: Box = { x: 178, y: 178, width: 700, height: 292 };
const MARK = { x: 962, radius: 21 };

export function budgetSvg(report: BudgetReport): string {
  const { memory } = report;
  const level = (amount: number) => HOLD.y + HOLD.height * (1 - amount / Math.max(1, memory.total));
  const [line, water] = [level(memory.line), level(memory.loaded)];
  const colours = coloursOf(report);
  const listed = legend(report, colours, { x: 60, y: 545, width: WIDTH - 120 });
  const height = Math.ceil(listed.bottom + 34);
  const title = `${report.stack} in ${report.environment}: ${bytes(memory.loaded)} of ${bytes(memory.line)} loaded`;
  return `${element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${WIDTH} ${height}`,
      width: WIDTH,
      height,
      role: "img",
      "aria-labelledby": "title desc",
      "font-family": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    },
    `\n${element("title", { id: "title" }, escapeXml(title))}`,
    `\n${element("desc", { id: "desc" }, escapeXml(description(report)))}`,
    `\n${defs(WIDTH, height)}`,
    element(
      "g",
      { "clip-path": "url(#panel)" },
      ...[
        ...scenery(WIDTH, height, water),
        ...heading(report),
        ...hull(line),
        ...hold(report, colours, line, water),
        ...mark(report, line, water),
        ...listed.elements,
      ].map((part) => `\n${part}`),
    ),
  )}\n`;
}

function description(report: BudgetReport): string {
  const { memory, machine } = report;
  const services = report.groups
    .flatMap(({ rows }) => rows)
    .map((row) => `${row.service} ${bytes(row.memory)}`);
  const reserves = report.reserves.map((row) => `${bytes(row.memory)} for ${row.service}`);
  return [
    `A ship's hull in section. Machine: ${bytes(machine.memory)}, of which ${bytes(memory.host)} is the host's.`,
    `May be loaded: ${bytes(memory.line)}. Loaded: ${services.join(", ")}.`,
    ...(reserves.length > 0 ? [`Kept free: ${reserves.join(", ")}.`] : []),
  ].join(" ");
}

function heading({ stack, environment, machine }: BudgetReport): string[] {
  const name =
    machine.slug === "custom"
      ? machine.spared
        ? "what a laptop spares"
        : "a machine of one's own"
      : machine.slug;
  const price = machine.price === undefined ? [] : [`$${machine.price} a month`];
  const facts = [
    name,
    `${machine.cpus} vCPU`,
    `${bytes(machine.memory)} memory`,
    `${bytes(machine.disk)} disk`,
    ...price,
  ];
  return [
    text(`${stack} in ${environment}`, 232, 66, { "font-size": 27, "font-weight": 700, fill: INK }),
    text(facts.join("  ·  "), 232, 93, { "font-size": 15, fill: INK }),
  ];
}

/** Plating: navy above the line, red below it, as ships are painted; white superstructure aft. */
function hull(line: number): string[] {
  const shape =
    "M92 142 L140 142 L140 156 L884 156 C930 152 990 140 1052 112 C1040 190 1022 250 1004 330 C998 372 1010 392 1034 404 C1056 418 1058 446 1036 462 C1012 480 975 488 930 490 L210 490 C168 490 140 470 128 436 C112 380 96 260 92 142 Z";
  const windows = Array.from({ length: 4 }, (_, index) =>
    element("rect", { x: 117 + index * 17, y: 78, width: 11, height: 9, rx: 1.5, fill: "#274b66" }),
  );
  return [
    // House, bridge and funnel.
    element("path", {
      d: "M104 142 L104 92 L196 92 L196 156 L140 156 L140 142 Z",
      fill: "#f4f1ea",
      stroke: "#c9c4b8",
    }),
    element("path", { d: "M108 92 L108 70 L192 70 L192 92 Z", fill: "#fbfaf6", stroke: "#c9c4b8" }),
    ...windows,
    ...[104, 120].map((y) =>
      element("path", {
        d: `M112 ${y} H188`,
        stroke: "#c9d3da",
        "stroke-width": 5,
        "stroke-dasharray": "9 7",
      }),
    ),
    element("path", { d: "M120 70 L124 38 L158 38 L162 70 Z", fill: "#a93c2c" }),
    element("path", { d: "M121.5 58 L122.9 47 L159.1 47 L160.5 58 Z", fill: "#f4f1ea" }),
    element("path", {
      d: "M178 70 V30 M171 40 H185 M173 48 H183",
      stroke: "#66737d",
      "stroke-width": 2,
      fill: "none",
    }),
    // Foremast.
    element("path", {
      d: "M1000 134 V72 M992 88 H1008",
      stroke: "#66737d",
      "stroke-width": 2.5,
      fill: "none",
    }),
    element("path", { d: "M1000 74 L884 156", stroke: "#66737d", "stroke-width": 0.8, fill: "none" }),
    // Propeller and rudder.
    element("path", { d: "M108 402 L126 402 L136 458 L114 458 Z", fill: "#7d2c20" }),
    element("clipPath", { id: "plating" }, element("path", { d: shape })),
    element(
      "g",
      { "clip-path": "url(#plating)" },
      element("rect", { x: 60, y: 90, width: 1040, height: 420, fill: "url(#navy)" }),
      element("rect", { x: 60, y: line, width: 1040, height: 420, fill: "url(#red)" }),
      element("rect", { x: 60, y: line - 2, width: 1040, height: 4, fill: "#f4f1ea", opacity: 0.9 }),
    ),
    element("path", { d: shape, fill: "none", stroke: "#14202b", "stroke-width": 2 }),
  ];
}

type Block = { row: BudgetRow; component: string };

function hold(
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

/** The Plimsoll mark on the bow, at the line, and what it says beside the ship. */
function mark({ memory }: BudgetReport, line: number, water: number): string[] {
  const { x, radius } = MARK;
  const right = 1078;
  const under = Math.max(water, line) + 30;
  return [
    element("circle", { cx: x, cy: line, r: radius, fill: "none", stroke: "#ffffff", "stroke-width": 5 }),
    element("path", {
      d: `M${x - radius - 19} ${figure(line)} H${x + radius + 19}`,
      stroke: "#ffffff",
      "stroke-width": 6,
    }),
    text("P", x - radius - 12, line - 9, {
      "font-size": 15,
      "font-weight": 700,
      fill: "#ffffff",
      "text-anchor": "middle",
    }),
    text("L", x + radius + 12, line - 9, {
      "font-size": 15,
      "font-weight": 700,
      fill: "#ffffff",
      "text-anchor": "middle",
    }),
    element("path", {
      d: `M1042 ${figure(line)} H1150`,
      stroke: INK,
      "stroke-width": 1.2,
      "stroke-dasharray": "5 4",
    }),
    text(`${bytes(memory.line)}`, right, line - 26, { "font-size": 19, "font-weight": 700, fill: INK }),
    text("may be loaded", right, line - 9, { "font-size": 13, fill: INK }),
    text(`${bytes(memory.loaded)}`, right, under, { "font-size": 19, "font-weight": 700, fill: SEA.text }),
    text(`loaded (${percent(memory.loaded, memory.line)})`, right, under + 18, {
      "font-size": 13,
      fill: SEA.text,
    }),
  ];
}
