/** The figures of `business` of stack.yaml, beside what they are to reach. */
import type { Paint, Style } from "../../generator/report/paint.ts";
import { tableLines } from "../../generator/report/table.ts";
import type { BusinessTarget } from "../../generator/spec/business.ts";
import { span } from "../operate/ps-text.ts";
import type { Figures } from "./figures.ts";
import type { Asked, Heard } from "./monitoring.ts";

type Targets = Readonly<Record<string, BusinessTarget>>;

export type BusinessFigure = {
  target: string;
  title: string;
  at_least: number;
  /** Seconds that it is counted over. */
  per: number;
  /** Absent where nothing was found. */
  measured?: number;
  /** What is younger than its window counts less than it will. */
  verdict: "reached" | "missed" | "young" | "unknown";
};

const KEY = "business_";

/** To be asked beside `objectiveFigures`. */
export function businessFigures(targets: Targets): Asked {
  return Object.fromEntries(
    Object.keys(targets).map((name) => [`${KEY}${name}`, `plimsoll:business:value{target="${name}"}`]),
  );
}

export function businessOf(targets: Targets, prometheus: Heard<Figures>): BusinessFigure[] {
  const figures: Figures = "what" in prometheus ? prometheus.what : new Map();
  const [known = 0, window = Number.POSITIVE_INFINITY] = [figures.get("known"), figures.get("window")];
  return Object.entries(targets).map(([target, { title = target, at_least, per }]) => {
    const measured = figures.get(`${KEY}${target}`);
    const figure = { target, title, at_least, per };
    if (measured === undefined) return { ...figure, verdict: "unknown" };
    if (measured >= at_least) return { ...figure, measured, verdict: "reached" };
    return { ...figure, measured, verdict: known < Math.min(per, window) ? "young" : "missed" };
  });
}

const STYLES: Record<BusinessFigure["verdict"], Style> = {
  reached: "green",
  missed: "yellow",
  young: "dim",
  unknown: "dim",
};
const NOTES: Partial<Record<BusinessFigure["verdict"], string>> = {
  young: "not judged: Prometheus has not seen the whole of the window",
  unknown: "not known: its expression finds nothing",
};

export function businessText(found: readonly BusinessFigure[], paint: Paint): string[] {
  const [header = "", ...lines] = tableLines([
    ["BUSINESS", "AT LEAST", "MEASURED", "OVER", "VERDICT"],
    ...found.map(({ title, at_least, measured, per, verdict }) => [
      title,
      String(at_least),
      measured === undefined ? "not known" : String(Number(measured.toFixed(measured < 100 ? 1 : 0))),
      span(per),
      NOTES[verdict] ?? verdict,
    ]),
  ]);
  return [
    paint("dim", header),
    ...lines.map((line, at) => paint(STYLES[(found[at] as BusinessFigure).verdict], line)),
  ];
}
