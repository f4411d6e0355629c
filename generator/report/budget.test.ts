import { expect, test } from "vitest";
import { planned } from "../testing/planned.ts";
import { shortest } from "../testing/source.ts";
import { budgetReport, diskOf } from "./budget.ts";
import { barOf, budgetText } from "./budget-text.ts";
import { colourful, plain } from "./paint.ts";

const { plan } = planned(shortest);
const report = budgetReport(plan);
const rows = report.groups.flatMap((group) => group.rows);

test("has every service once, and adds up to what was granted", () => {
  expect(rows.map((row) => row.service).sort()).toEqual(
    Object.keys(plan.services)
      .filter((name) => !plan.services[name]?.compose.profiles)
      .sort(),
  );
  const memory = [...rows, ...report.reserves].reduce((sum, row) => sum + row.memory, 0);
  expect(memory).toBe(report.memory.loaded);
  expect(report.memory.loaded).toBeLessThanOrEqual(report.memory.line);
  const disk = [...rows, ...report.reserves].reduce((sum, row) => sum + diskOf(row), 0);
  expect(disk).toBe(report.disk.loaded);
  expect(rows.reduce((sum, row) => sum + row.cpu_share, 0)).toBeCloseTo(1);
});

test("puts the largest first, among the groups and in them", () => {
  const sizes = report.groups.map((group) => group.memory);
  expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  for (const group of report.groups) {
    const inside = group.rows.map((row) => row.memory);
    expect(inside).toEqual([...inside].sort((a, b) => b - a));
  }
  const servers = rows.filter((row) => /^api-\d$/.test(row.service)).map((row) => row.service);
  expect(servers).toEqual(["api-1", "api-2", "api-3"]);
});

test("says a setting of several services once", () => {
  const heap = report.settings.filter((entry) => entry.setting === "--max-old-space-size");
  expect(heap.map((entry) => entry.services)).toContainEqual(["api-1", "api-2", "api-3"]);
});

test.each([60, 80, 110])("fits %d columns, without colour where none is wanted", (width) => {
  const text = budgetText(report, { width, paint: plain });
  expect(text).not.toContain("\u001b");
  const tooLong = text.split("\n").filter((line) => line.length > width);
  // What has no blanks to break at (a path, a value) may stand out, in the settings alone.
  const settings = text.indexOf("What follows from it");
  expect(tooLong.filter((line) => text.indexOf(line) < settings && width >= 80)).toEqual([]);
  expect(text).toContain("──⊖──");
});

test("colour changes nothing but colour", () => {
  const painted = budgetText(report, { width: 80, paint: colourful });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what it takes out
  expect(painted.replace(/\u001b\[\d+m/g, "")).toBe(budgetText(report, { width: 80, paint: plain }));
  expect(painted).toContain("\u001b[");
});

test("draws bars in eighths, none of them empty", () => {
  expect(barOf(1, 4)).toBe("████");
  expect(barOf(0.5, 4)).toBe("██  ");
  expect(barOf(0.53, 4)).toBe("██▏ ");
  expect(barOf(0, 4)).toBe("▏   ");
});
