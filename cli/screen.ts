/** What stdout is: how wide, and whether it takes colour. */
import { colourful, type Paint, plain } from "../generator/report/paint.ts";

/** `NO_COLOR` (https://no-color.org): any value but the empty one turns colour off. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const refused = Boolean(process.env.NO_COLOR) || process.env.TERM === "dumb";
  return stream.isTTY && !refused ? colourful : plain;
}

/** Columns to fill: the terminal's, 80 in a pipe, never more than reads well. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return Math.max(40, Math.min(stream.isTTY ? stream.columns || 80 : 80, 110));
}
