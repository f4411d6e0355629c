/**
 * The budget as a picture: a hull in section, loaded with blocks as large as the services' memory, afloat. Every area
 * in the hold is to scale, from the keel (nothing) to the deck (all of the machine's memory); the water stands where
 * the load reaches, the mark where the line is.
 */
import type { BudgetReport } from "./budget.ts";
import { HOLD, hold } from "./hull-hold.ts";
import { legend } from "./hull-legend.ts";
import { coloursOf, defs, INK, scenery } from "./hull-scene.ts";
import { hull, mark } from "./hull-ship.ts";
import { element, escapeXml, text } from "./svg.ts";
import { bytes } from "./units.ts";

const WIDTH = 1200;

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
