/** Sky, sea and colours of the hull's picture. It brings its own background, so that it reads on light and on dark. */
import type { BudgetReport } from "./budget.ts";
import { element, figure } from "./svg.ts";

export const INK = "#1b2b38";
export const SEA = { text: "#ffffff", quiet: "#cfe3ee" };

/** Of paint on containers; each dark enough for white letters (4.5:1 and more). */
const PALETTE = [
  "#b0452f",
  "#22618c",
  "#2f7444",
  "#9a6412",
  "#6a4f86",
  "#17766d",
  "#a0446a",
  "#4c6272",
  "#7b5638",
  "#44509a",
  "#5d6b1f",
  "#8a3a3a",
];

/** By the name, so that a component mostly keeps its colour from picture to picture. */
export function coloursOf({ groups }: BudgetReport): ReadonlyMap<string, string> {
  const taken = new Map<number, string>();
  for (const name of groups.map(({ component }) => component).sort()) {
    let at = [...name].reduce((sum, char) => sum * 31 + (char.codePointAt(0) as number), 7) % PALETTE.length;
    while (taken.has(at) && taken.size < PALETTE.length) at = (at + 1) % PALETTE.length;
    taken.set(taken.has(at) ? at + PALETTE.length * taken.size : at, name);
  }
  return new Map([...taken].map(([at, name]) => [name, PALETTE[at % PALETTE.length] as string]));
}

export function defs(width: number, height: number): string {
  const gradient = (id: string, stops: readonly [number, string][], across = false) =>
    element(
      "linearGradient",
      { id, x1: 0, y1: 0, x2: across ? 1 : 0, y2: across ? 0 : 1 },
      ...stops.map(([offset, colour]) => element("stop", { offset: String(offset), "stop-color": colour })),
    );
  const stripes = (id: string, size: number, turn: number, ...children: readonly string[]) =>
    element(
      "pattern",
      {
        id,
        width: size,
        height: size,
        patternUnits: "userSpaceOnUse",
        patternTransform: turn ? `rotate(${turn})` : undefined,
      },
      ...children,
    );
  return element(
    "defs",
    {},
    gradient("sky", [
      [0, "#d9e9f3"],
      [1, "#f6fafc"],
    ]),
    gradient("sea", [
      [0, "#2f7fa8"],
      [0.35, "#1d5f86"],
      [1, "#0e3550"],
    ]),
    gradient("navy", [
      [0, "#2a3d50"],
      [1, "#1a2836"],
    ]),
    gradient("red", [
      [0, "#b4442f"],
      [1, "#7f2a1d"],
    ]),
    stripes(
      "ribs",
      7,
      0,
      element("rect", { width: 1.6, height: 7, fill: "#ffffff", opacity: "0.07" }),
      element("rect", { x: 3.5, width: 1.6, height: 7, fill: "#000000", opacity: "0.07" }),
    ),
    stripes(
      "kept",
      9,
      45,
      element("rect", { width: 9, height: 9, fill: "#f3f0e6" }),
      element("rect", { width: 4, height: 9, fill: "#dfd8c2" }),
    ),
    stripes(
      "host",
      8,
      45,
      element("rect", { width: 8, height: 8, fill: "#dfe6ea" }),
      element("rect", { width: 3, height: 8, fill: "#cbd5db" }),
    ),
    element("clipPath", { id: "panel" }, element("rect", { width, height, rx: 18 })),
  );
}

export function scenery(width: number, height: number, water: number): string[] {
  return [
    element("rect", { width, height, fill: "url(#sky)" }),
    element("path", {
      d: "M820 66 q9 -9 17 0 q8 -9 17 0 M866 88 q6 -6 12 0 q6 -6 12 0 M790 96 q6 -6 12 0 q6 -6 12 0",
      fill: "none",
      stroke: "#7d93a3",
      "stroke-width": 1.8,
      "stroke-linecap": "round",
    }),
    element("path", { d: `${waves(width, water)} V${height} H0 Z`, fill: "url(#sea)" }),
    element("path", {
      d: waves(width, water),
      fill: "none",
      stroke: "#ffffff",
      "stroke-width": 1.6,
      opacity: "0.75",
    }),
  ];
}

const WAVE = 40;

/** A surface that stands at `level`: its crests and troughs are a few pixels about it. */
function waves(width: number, level: number): string {
  const count = Math.ceil(width / WAVE);
  return `M0 ${figure(level)} ${Array.from({ length: count }, () => `q${WAVE / 4} -5 ${WAVE / 2} 0 t${WAVE / 2} 0`).join(" ")}`;
}
