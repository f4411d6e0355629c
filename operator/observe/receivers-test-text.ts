/** `alerts test` as a table for people. */
import { type Paint, printable } from "../../generator/report/paint.ts";
import type { Tried } from "./receivers-test.ts";

export function triedText(tried: readonly Tried[], paint: Paint): string {
  const names = Math.max(8, ...tried.map(({ receiver }) => receiver.length));
  return tried
    .map(({ receiver, type = "", outcome, seconds, attempts, said }) => {
      const head = `${receiver.padEnd(names)}  ${type.padEnd(9)}  `;
      if (outcome === "delivered") return `${head}${paint("green", "delivered")} after ${seconds} s`;
      const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
      return `${head}${paint("red", "FAILED")} after ${seconds} s, ${tries}: ${printable(said ?? "")}`;
    })
    .join("\n");
}
