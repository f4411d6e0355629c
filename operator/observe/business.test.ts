import { expect, it } from "vitest";
import { plain } from "../../generator/report/paint.ts";
import { BusinessTarget } from "../../generator/spec/business.ts";
import { businessFigures, businessOf, businessText } from "./business.ts";

const DAY = 86_400;
const targets = {
  orders: BusinessTarget.parse({ counter: "shop_orders_total", at_least: 100 }),
  "mean-stars": BusinessTarget.parse({ title: "Stars", average: "shop_stars", at_least: 4.5, per: "7d" }),
};
const found = (figures: Record<string, number>) =>
  businessOf(targets, { what: new Map(Object.entries(figures)) });

it("asks for each by its name", () => {
  expect(businessFigures(targets)).toEqual({
    business_orders: 'plimsoll:business:value{target="orders"}',
    "business_mean-stars": 'plimsoll:business:value{target="mean-stars"}',
  });
});

it.each([
  [{ business_orders: 100, known: 10 * DAY, window: 15 * DAY }, "reached"],
  [{ business_orders: 99.9, known: 10 * DAY, window: 15 * DAY }, "missed"],
  [{ business_orders: 99.9, known: 0.9 * DAY, window: 15 * DAY }, "young"],
  [{ known: 10 * DAY }, "unknown"],
] as const)("%j is %s", (figures, verdict) => {
  expect(found(figures)[0]).toMatchObject({ target: "orders", title: "orders", at_least: 100, verdict });
});

it("judges by what Prometheus keeps where that is less than the window", () => {
  const [, stars] = found({ "business_mean-stars": 4, known: 2 * DAY, window: 2 * DAY });
  expect(stars).toMatchObject({ title: "Stars", per: 7 * DAY, measured: 4, verdict: "missed" });
});

it("knows nothing where nobody answers", () => {
  const silent = businessOf(targets, { why: "it has no container", off: true });
  expect(silent.map(({ verdict }) => verdict)).toEqual(["unknown", "unknown"]);
});

it("is a table", () => {
  const figures = { business_orders: 42.4, "business_mean-stars": 4.62, known: 10 * DAY };
  expect(businessText(found(figures), plain)).toEqual([
    "BUSINESS  AT LEAST  MEASURED  OVER  VERDICT",
    "orders    100       42.4      24h   missed",
    "Stars     4.5       4.6       7d    reached",
  ]);
});
