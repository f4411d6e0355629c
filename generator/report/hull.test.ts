import { expect, test } from "vitest";
import { planned } from "../testing/planned.ts";
import { shortest } from "../testing/source.ts";
import { type BudgetReport, budgetReport } from "./budget.ts";
import { budgetSvg } from "./hull.ts";
import { treemap } from "./treemap.ts";

const report = budgetReport(planned(shortest).plan);

test("draws the same bytes twice, and nothing from outside", () => {
  const svg = budgetSvg(report);
  expect(svg).toBe(budgetSvg(report));
  expect(svg).not.toMatch(/<script|<image|@import|href=|url\((?!#)/);
  expect(svg.match(/https?:\/\/[^"]*/g)).toEqual(["http://www.w3.org/2000/svg"]);
  expect(svg).toMatch(/<title id="title">hello in production: .* loaded<\/title>/);
  expect(svg).not.toContain("NaN");
});

test("shows every service, by its own name or among those of its kind", () => {
  const svg = budgetSvg(report);
  for (const { rows } of report.groups)
    for (const row of rows) expect(svg).toContain(`<title>${row.service}: `);
});

test("names of the user's own are text, never markup", () => {
  const svg = budgetSvg({ ...report, stack: `<b>"&` } as BudgetReport);
  expect(svg).toContain("&lt;b&gt;&quot;&amp;");
  expect(svg).not.toContain("<b>");
});

test("gives areas as the values are, inside the box, without overlap", () => {
  const box = { x: 10, y: 20, width: 700, height: 292 };
  const values = [4096, 2048, 2048, 808, 808, 312, 128, 96, 32, 32];
  const placed = treemap(values, (value) => value, box);
  const total = values.reduce((sum, value) => sum + value, 0);
  expect(placed).toHaveLength(values.length);
  for (const { item, box: own } of placed) {
    expect((own.width * own.height) / (box.width * box.height)).toBeCloseTo(item / total, 6);
    expect(own.x).toBeGreaterThanOrEqual(box.x - 1e-6);
    expect(own.y).toBeGreaterThanOrEqual(box.y - 1e-6);
    expect(own.x + own.width).toBeLessThanOrEqual(box.x + box.width + 1e-6);
    expect(own.y + own.height).toBeLessThanOrEqual(box.y + box.height + 1e-6);
  }
  for (const [index, { box: a }] of placed.entries()) {
    for (const { box: b } of placed.slice(index + 1)) {
      const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
      const high = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
      expect(Math.min(wide, high)).toBeLessThan(1e-6);
    }
  }
});

test("an empty hold is drawn too", () => {
  expect(treemap([], () => 1, { x: 0, y: 0, width: 1, height: 1 })).toEqual([]);
  const empty = budgetSvg({ ...report, groups: [], reserves: [], memory: { ...report.memory, loaded: 0 } });
  expect(empty).not.toContain("NaN");
});
