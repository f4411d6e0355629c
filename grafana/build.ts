/** Builds grafana/dashboards/<stem>.json: `npm run dashboards`. The JSON is committed; a test proves it current. */
import { writeFileSync } from "node:fs";
import { dashboards } from "./dashboards.ts";
import { dashboardStems } from "./stems.ts";

/** The bytes of a dashboard's file. */
export function dashboardText(stem: (typeof dashboardStems)[number]): string {
  return `${JSON.stringify(dashboards[stem](), null, 2)}\n`;
}

if (process.argv[1] === import.meta.filename)
  for (const stem of dashboardStems)
    writeFileSync(new URL(`./dashboards/${stem}.json`, import.meta.url), dashboardText(stem));
