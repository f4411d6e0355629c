/** docs/alerts-fired.md against the series of faults: no alert is said to be fired by one that has no fault for it. */
import { expect, it } from "vitest";
import { readOwn } from "../generator/package.ts";
import { SERIES } from "../test/faults/fired/series.ts";
import { ROWS } from "../test/faults/page-faults.ts";

/** The alerts in the line of the table that names a series. */
function saidOf(series: string): string[] {
  const line = readOwn("docs/alerts-fired.md")
    .split("\n")
    .find((text) => text.startsWith("|") && text.includes(`/${series}.test.ts`));
  return (
    line
      ?.split("|")
      .at(-2)
      ?.match(/\b[A-Z][A-Za-z]{5,}\b/g) ?? []
  ).sort();
}

it.each([
  ["page", ROWS.flat().map(({ alert }) => alert)],
  ["fired", [...SERIES.LONG, ...SERIES.WAVES.flat(), ...SERIES.LAST].flatMap(({ alerts }) => alerts)],
])("%s", (series, alerts) => {
  expect(saidOf(series)).toEqual(alerts.sort());
});
