/** The ship around the hold: plating, house, funnel, mast, rudder, and the mark on the bow. */
import type { BudgetReport } from "./budget.ts";
import { INK, SEA } from "./hull-scene.ts";
import { element, figure, text } from "./svg.ts";
import { bytes, percent } from "./units.ts";

const MARK = { x: 962, radius: 21 };

/** Plating: navy above the line, red below it, as ships are painted; white superstructure aft. */
export function hull(line: number): string[] {
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

/** The Plimsoll mark on the bow, at the line, and what it says beside the ship. */
export function mark({ memory }: BudgetReport, line: number, water: number): string[] {
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
