import { readdirSync, readFileSync } from "node:fs";
import * as units from "@grafana/grafana-foundation-sdk/units";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, test } from "vitest";
import { dataSources } from "../generator/components/grafana/sources.ts";
import { objectiveFigures } from "../operator/observe/figures.ts";
import { dashboardText } from "./build.ts";
import { dashboards } from "./dashboards.ts";
import { expressions } from "./expressions.ts";
import { type FinishedPanel, isRow } from "./library/finish.ts";
import { lineQueries } from "./library/logs.ts";
import { quietPanels } from "./quiet.ts";
import { dashboardStems, dashboardUid } from "./stems.ts";

const FOLDER = new URL("./dashboards/", import.meta.url);
const UNITS = new Set<unknown>(Object.values(units));
const WIDTH = 24;

function visible(stem: (typeof dashboardStems)[number]): FinishedPanel[] {
  return dashboards[stem]().panels.filter((panel): panel is FinishedPanel => !isRow(panel));
}

function syntaxErrors(expr: string): string[] {
  const errors: string[] = [];
  parser.parse(expr).iterate({
    enter(node) {
      if (node.type.isError) errors.push(`${expr.slice(0, node.from)}<<HERE>>${expr.slice(node.from)}`);
    },
  });
  return errors;
}

test("every dashboard is in the folder, and nothing else", () => {
  expect(readdirSync(FOLDER).sort()).toEqual(dashboardStems.map((stem) => `${stem}.json`).sort());
});

describe.each(dashboardStems)("%s", (stem) => {
  test("the committed JSON is current: npm run dashboards", () => {
    expect(readFileSync(new URL(`${stem}.json`, FOLDER), "utf8")).toBe(dashboardText(stem));
  });

  test("has its address, a title and a description, and is not for editing", () => {
    const { uid, title, description, editable, schemaVersion } = dashboards[stem]();
    expect({ uid, editable, schemaVersion }).toEqual({
      uid: dashboardUid(stem),
      editable: false,
      schemaVersion: 42,
    });
    expect(title).toMatch(/^[A-Z]/);
    expect(description).toMatch(/\.$|\?/);
  });

  test("panels have ids, one each, from 1", () => {
    const ids = dashboards[stem]().panels.map(({ id }) => id);
    expect(ids).toEqual(ids.map((_, index) => index + 1));
  });

  test("panels stay within the grid and do not overlap", () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboards[stem]().panels) {
      const { x, y, w, h } = gridPos as FinishedPanel["gridPos"];
      expect(x + w, title).toBeLessThanOrEqual(WIDTH);
      for (let row = y; row < y + h; row++)
        for (let column = x; column < x + w; column++) {
          expect(taken.get(`${row}/${column}`), `${title} at ${column},${row}`).toBeUndefined();
          taken.set(`${row}/${column}`, title ?? "");
        }
    }
    const rows = new Set([...taken.keys()].map((cell) => Number(cell.split("/")[0])));
    // No hole: every row of the grid is filled from side to side.
    expect(taken.size).toBe(rows.size * WIDTH);
  });

  test("every panel says what it shows, in what unit, and where it turns bad", () => {
    for (const panel of visible(stem)) {
      const { title, description, type, fieldConfig, targets } = panel;
      const defaults = fieldConfig?.defaults;
      expect(description, title).toMatch(/^.{15,200}[.?]$/);
      expect(
        UNITS.has(defaults?.unit) || /^suffix:(days|h|min)$/.test(defaults?.unit ?? ""),
        `${title}: ${defaults?.unit}`,
      ).toBe(true);
      expect(defaults?.thresholds?.steps[0]?.value, title).toBeNull();
      expect(targets.length, title).toBeGreaterThan(0);
      const limits = defaults?.thresholds?.steps.slice(1).map(({ value }) => value) ?? [];
      expect(
        [...limits].sort((a, b) => Number(a) - Number(b)),
        title,
      ).toEqual(limits);
      if (type === "timeseries") {
        const { legend } = panel.options as { legend: { displayMode: string; calcs: string[] } };
        expect(legend, title).toMatchObject({ showLegend: true });
        if (legend.displayMode === "table") expect(legend.calcs, title).toEqual(["lastNotNull", "max"]);
        // A table below has room for its head and two lines: docs/dashboards.md.
        if (panel.gridPos.w < 12 && targets.length > 2) expect(legend.displayMode, title).toBe("list");
      }
    }
  });

  test("panels that may find nothing are panels that exist", () => {
    const titles = visible(stem).map(({ title }) => title);
    expect(titles).toEqual(expect.arrayContaining(Object.keys(quietPanels[stem] ?? {})));
  });

  test("titles are unique, so that a link or a person can name a panel", () => {
    const titles = visible(stem).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test("every target has a letter, a data source and a legend", () => {
    for (const { title, targets, datasource } of visible(stem)) {
      expect(datasource).toEqual({ type: "prometheus", uid: "prometheus" });
      expect(
        targets.map(({ refId }) => refId),
        title,
      ).toEqual(targets.map((_, index) => "ABCDEFGH"[index]));
      for (const target of targets) {
        expect(target.datasource).toEqual({ type: "prometheus", uid: "prometheus" });
        expect(target.legendFormat, title).not.toBe("");
      }
    }
  });

  test("legends name labels that the expression keeps", () => {
    for (const { title, targets } of visible(stem))
      for (const { expr, legendFormat } of targets)
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          // An aggregation keeps only what it names; without one, all labels of the metric are there.
          const kept = /by \(/.test(expr) ? expr.includes(label as string) : true;
          expect(kept, `${title}: {{${label}}} in ${expr}`).toBe(true);
        }
  });

  test("every expression parses with Prometheus's own grammar", () => {
    for (const { panel, expr } of expressions(dashboards[stem]()))
      expect(syntaxErrors(expr), panel).toEqual([]);
  });

  test("markers say what they mark, from the data source that is there", () => {
    for (const { name, datasource, titleFormat, textFormat, target } of dashboards[stem]().annotations
      ?.list ?? []) {
      expect(datasource, name).toEqual({ type: "prometheus", uid: "prometheus" });
      expect(textFormat, name).toMatch(/\.$/);
      const { expr } = target as unknown as { expr: string };
      for (const [, label] of `${titleFormat} ${textFormat}`.matchAll(/\{\{(\w+)\}\}/g))
        expect(expr, `${name}: {{${label}}}`).toContain(label);
    }
  });

  test("pickers ask for a label of a metric, and are used", () => {
    const dashboard = dashboards[stem]();
    const all = visible(stem).flatMap(({ targets }) => targets.map(({ expr }) => expr));
    for (const { name, definition } of dashboard.templating?.list ?? []) {
      const [, metric, label] = /^label_values\((.+), (\w+)\)$/.exec(String(definition)) ?? [];
      expect(label, definition).toMatch(/^\w+$/);
      expect(syntaxErrors(metric as string)).toEqual([]);
      expect(
        all.some((expr) => expr.includes(`=~"$${name}"`)),
        name,
      ).toBe(true);
    }
  });
});

test("links between dashboards lead somewhere", () => {
  const known = new Set(dashboardStems.map((stem) => `/d/${dashboardUid(stem)}`));
  for (const stem of dashboardStems)
    for (const { title, links } of visible(stem))
      for (const { url } of links ?? [])
        expect(known.has(url as string) || url?.startsWith("/explore?"), `${stem}, ${title}: ${url}`).toBe(
          true,
        );
});

/** Links of panels to lines of the logs, by dashboard. */
const toLogs = dashboardStems.flatMap((stem) =>
  visible(stem).flatMap(({ title, links }) =>
    (links ?? []).flatMap(({ url = "" }) => (url.startsWith("/explore?") ? [{ stem, title, url }] : [])),
  ),
);

test("errors and latency lead to the lines of their time, in the data source that is provisioned", () => {
  expect([...new Set(toLogs.map(({ stem }) => stem))].sort()).toEqual([
    "api",
    "edge",
    "overview",
    "postgres",
    "release",
  ]);
  const { datasources } = dataSources({ interval: "15s", elastic: true, view: undefined });
  const elastic = datasources.find(({ uid }) => uid === "elasticsearch");
  for (const { title, url } of toLogs) {
    // As Grafana does: the panel's times in place of its variables, before the address is read.
    const followed = url.replace("$__from", "1764400000000").replace("$__to", "1764403600000");
    const words = new URL(followed, "http://127.0.0.1:3000").searchParams;
    expect(words.get("schemaVersion")).toBe("1");
    const { logs } = JSON.parse(words.get("panes") ?? "");
    expect(logs.range, title).toEqual({ from: "1764400000000", to: "1764403600000" });
    expect(logs.datasource).toBe(elastic?.uid);
    expect(logs.queries).toEqual([
      {
        refId: "A",
        datasource: { type: elastic?.type, uid: elastic?.uid },
        query: expect.any(String),
        timeField: elastic?.jsonData && "timeField" in elastic.jsonData && elastic.jsonData.timeField,
        metrics: [{ type: "logs", id: "1" }],
        bucketAggs: [],
      },
    ]);
  }
});

test.each(Object.entries(lineQueries))(
  "%s: asks for what the ingest pipelines write, and each is linked",
  (name, query) => {
    expect(toLogs.some(({ url }) => url.includes(encodeURIComponent(query)))).toBe(true);
    const [, parser] = /^event\.module:([a-z-]+)/.exec(query) ?? [];
    const samples = JSON.parse(
      readFileSync(new URL(`../elk/samples/${parser}.expected.json`, import.meta.url), "utf8"),
    ) as object[];
    const fieldOf = (line: object, field: string) =>
      field
        .split(".")
        .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], line);
    for (const [, field, wanted] of query.matchAll(/([a-z][a-z._]+):(\([^)]+\)|\S+)/g)) {
      const values = samples.map((line) => fieldOf(line, field as string));
      if (wanted?.startsWith(">"))
        expect(
          values.map((value) => typeof value),
          name,
        ).toContain("number");
      else
        expect(
          (wanted?.match(/[a-z-]+/g) ?? []).filter((word) => values.includes(word)).length,
          `${field}:${wanted}`,
        ).toBeGreaterThan(0);
    }
  },
);

test("a table of several queries names each column by its query, with a unit of its own", () => {
  const table = visible("release").find(({ title }) => title === "Side by side");
  const organize = table?.transformations?.find(({ id }) => id === "organize");
  const targets = table?.targets ?? [];
  expect(organize?.options).toMatchObject({
    renameByName: {
      release: "Release",
      ...Object.fromEntries(targets.map(({ refId, legendFormat }) => [`Value #${refId}`, legendFormat])),
    },
  });
  const units = table?.fieldConfig?.overrides.map(({ matcher, properties }) => [
    matcher.options,
    properties.find(({ id }) => id === "unit")?.value,
  ]);
  expect(units?.map(([column]) => column)).toEqual(targets.map(({ legendFormat }) => legendFormat));
  for (const [column, unit] of units ?? []) expect(UNITS.has(unit), String(column)).toBe(true);
});

test("what `plimsoll objectives` prints is what the dashboard shows", () => {
  const shown = visible("objectives").flatMap(({ targets }) => targets.map(({ expr }) => expr));
  for (const [name, expr] of Object.entries(objectiveFigures))
    if (!/^(left|burn|fast)(_|$)/.test(name))
      expect(
        shown.some((one) => one.includes(expr)),
        name,
      ).toBe(true);
});

test("the first page fits one screen: what needs a person is in its first rows", () => {
  const [first] = visible("overview");
  expect(first?.title).toBe("All well");
  const alarms = visible("overview").filter(({ gridPos }) => gridPos.y < 13);
  expect(alarms.map(({ title }) => title)).toContain("How much of each promise is used");
});
