/** `status` as one screen: the verdict first, then a line for each part with its mark. */
import { type Paint, printable, type Style } from "../../generator/report/paint.ts";
import type { Status } from "./status.ts";
import type { Area, Said } from "./status-judge.ts";
import { lines as partLines } from "./status-lines.ts";

/** Marks differ in shape, too: a screen without colour, or an eye without red, tells them apart. */
export type Mark = "well" | "note" | "wrong" | "unknown";
const MARKS: Record<Mark, readonly [string, Style]> = {
  well: ["●", "green"],
  note: ["▲", "yellow"],
  wrong: ["✖", "red"],
  unknown: ["○", "dim"],
};

export type Line = { area?: Area; title: string; text: string; mark: Mark };

/** So many of one kind: the screen stays one screen. */
const MOST = 8;

export function statusText(status: Status, paint: Paint, width: number): string {
  const { seen } = status;
  const left = `${seen.stack} ${seen.environment}`;
  const right = `${seen.host}, ${new Date(seen.now * 1000).toISOString().slice(0, 19).replace("T", " ")}Z`;
  const gap = " ".repeat(Math.max(2, width - left.length - right.length));
  return [
    `${paint("bold", left)}${gap}${paint("dim", right)}`,
    "",
    verdict(status, paint),
    ...told(status.said, "wrong", paint, width),
    ...told(status.said, "note", paint, width),
    "",
    ...partLines(status).map((line) => lineText(line, paint, width)),
  ].join("\n");
}

function verdict({ healthy, said, seen }: Status, paint: Paint): string {
  const wrong = said.filter(({ level }) => level === "wrong").length;
  if (!healthy) return paint("red", `✖ ${wrong === 1 ? "ONE THING IS WRONG" : `${wrong} THINGS ARE WRONG`}`);
  // What is not watched may be anything.
  if (!("what" in seen.prometheus)) return paint("yellow", "○ WELL, AS FAR AS IS KNOWN: nothing is measured");
  const unmeasured = seen.disk.used === undefined || seen.objectives.objectives.some((one) => one.unmeasured);
  if (said.length > 0)
    return paint(
      "yellow",
      `▲ WELL, AND ${said.length === 1 ? "ONE THING" : `${said.length} THINGS`} TO LOOK AT`,
    );
  if (unmeasured) return paint("yellow", "○ WELL, AS FAR AS IS KNOWN: not everything is measured");
  return paint("green", "● ALL IS WELL");
}

function told(said: readonly Said[], level: Said["level"], paint: Paint, width: number): string[] {
  const [mark, style] = MARKS[level];
  const own = said.filter((one) => one.level === level);
  const shown = own.slice(0, MOST);
  return [
    ...shown.map(
      ({ area, text }) => `  ${paint(style, mark)} ${cut(`${area.padEnd(11)}${printable(text)}`, width - 4)}`,
    ),
    ...(own.length > shown.length ? [paint(style, `    and ${own.length - shown.length} more`)] : []),
  ];
}

function lineText({ title, text, mark }: Line, paint: Paint, width: number): string {
  const [sign, style] = MARKS[mark];
  const words = cut(`${title.padEnd(11)}${printable(text)}`, width - 4);
  // Without a title: the heading of what follows.
  return title === "" ? `\n    ${paint("dim", words)}` : `  ${paint(style, sign)} ${words}`;
}

/** What is too long for the line ends in dots: a second line would push the screen's end away. */
function cut(text: string, room: number): string {
  return text.length <= room ? text.trimEnd() : `${text.slice(0, room - 1)}…`;
}
