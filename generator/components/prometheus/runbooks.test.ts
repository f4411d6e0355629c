/** An alert that a person can act on: who is told, what it is, where it shows, what to do. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { dashboardStems } from "../../../grafana/stems.ts";
import { readBy, ruleStems, rulesOf } from "../../../prometheus/mutation/rules.ts";
import { listOwn, packageRoot, readOwn } from "../../package.ts";
import { lineOf, RUNBOOKS, runbooks } from "../../report/runbooks.ts";
import { Objectives } from "../../spec/core.ts";

const pages = listOwn(`${RUNBOOKS}/alerts`).map((file) => `alerts/${file}`);
const all = runbooks();
const rules = ruleStems.flatMap(rulesOf);
const records = new Map(rules.flatMap((rule) => (rule.record ? [[rule.record, rule.expr] as const] : [])));
const alerts = ruleStems.flatMap((stem) =>
  rulesOf(stem).flatMap((rule) => (rule.alert ? [[rule.alert, stem, rule] as const] : [])),
);
/** As GitHub and GitLab make an anchor of a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");

describe.each(alerts)("%s", (name, stem, { labels, annotations }) => {
  it("names its severity and the layer where the cause lies", () => {
    expect(labels?.severity).toMatch(name === "Watchdog" ? /^none$/ : /^(page|warn)$/);
    // Some layers follow the instance: each that a template may give.
    const layers = labels?.layer?.split(/\{\{.*?\}\}/).filter(Boolean) ?? [];
    expect(layers.length).toBeGreaterThan(0);
    for (const layer of layers)
      expect(layer).toMatch(
        /^(host|database|sessions|cache|api|edge|backup|logging|monitoring|network|services|business)$/,
      );
  });

  it("names a dashboard that there is", () => {
    expect(dashboardStems as readonly string[]).toContain(annotations?.dashboard);
  });

  it("has a heading of its own in the runbook, with all that a person needs", () => {
    expect(annotations?.runbook_url).toBe(`alerts/${stem}.md#${name.toLowerCase()}`);
    const found = all.filter(({ alert }) => alert === name);
    expect(found.map(({ page }) => page)).toEqual([`alerts/${stem}.md`]);
    for (const line of ["Means", "Users notice", "Look first", "Then", "Over when"])
      expect(lineOf(found[0] as (typeof all)[number], line), line).toMatch(/^\S.{5,}[.:?]$/);
  });
});

it("every promise has alerts that name it, by which the dashboard knows what is in danger", () => {
  const named = new Set(alerts.flatMap(([, , { labels }]) => labels?.objective ?? []));
  expect([...named].sort()).toEqual(Object.keys(Objectives.parse({})).sort());
});

it("no heading is left of an alert that is gone", () => {
  const names = alerts.map(([name]) => name);
  expect(all.filter(({ alert }) => !names.includes(alert)).map(({ alert }) => alert)).toEqual([]);
});

it.each(pages)("%s leads only to headings that there are", (page) => {
  const markdown = readOwn(`${RUNBOOKS}/${page}`);
  const broken = [...markdown.matchAll(/\]\(([^)#]*)(?:#([^)]+))?\)/g)].flatMap(([whole, path, heading]) => {
    const file = path ? join(dirname(`${RUNBOOKS}/${page}`), path) : `${RUNBOOKS}/${page}`;
    if (!existsSync(join(packageRoot, file))) return [whole];
    const headings = [...readOwn(file).matchAll(/^#+ (.*)$/gm)].map(([, text]) => anchor(text as string));
    return heading === undefined || headings.includes(heading) ? [] : [whole];
  });
  expect(broken).toEqual([]);
});

it("every plimsoll command in a runbook is one that there is", () => {
  const main = readOwn("cli/main.ts");
  const commands = new Set([...main.matchAll(/^ {2}(\w+): async/gm)].map(([, name]) => name as string));
  expect(commands.size).toBeGreaterThan(30);
  const said = pages.flatMap((page) =>
    [...readOwn(`${RUNBOOKS}/${page}`).matchAll(/`plimsoll\s+([a-z-]+)/g)].map(([, word]) => word as string),
  );
  expect(said.length).toBeGreaterThan(100);
  expect([...new Set(said)].filter((word) => !commands.has(word))).toEqual([]);
});

it("every metric of ours in a runbook is one that rules or components know", () => {
  const known = new Set([...records.keys(), ...rules.flatMap(({ expr }) => readBy(expr))]);
  const said = all.flatMap(({ text }) => text.match(/plimsoll[:_][a-z0-9_:]+/g) ?? []);
  expect([...new Set(said)].filter((name) => !known.has(name))).toEqual([]);
});
