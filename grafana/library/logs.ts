/** The lines behind a panel: a link to Grafana's Explore, for the time that the panel shows. */
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type { dataquery as Query } from "@grafana/grafana-foundation-sdk/elasticsearch";

/** Of the data source that the generator provisions where there is logging. */
export const LOGS = { type: "elasticsearch", uid: "elasticsearch" } as const;

/** Lucene, as the Elasticsearch data source asks it; the fields are ECS's. */
export const lineQueries = {
  "requests that failed": "event.module:nginx AND http.response.status_code:>=500",
  "requests above one second": "event.module:nginx AND event.duration:>1000000000",
  "errors of nginx": "event.module:nginx AND log.level:(warn OR error OR fatal)",
  "errors of the application": "event.module:ecs-json AND log.level:(error OR fatal)",
  "slow statements": "event.module:postgres AND event.duration:>0",
  "warnings of PostgreSQL": "event.module:postgres AND log.level:(warn OR error OR fatal)",
  "what the proxy says": "event.module:haproxy",
} as const;
export type Lines = keyof typeof lineQueries;

/** Source: Grafana's documentation of Explore, "Generate Explore URLs from external tools"; times are a panel link's variables. */
export function linesLink(lines: Lines): dashboard.DashboardLinkBuilder {
  const query = {
    refId: "A",
    datasource: LOGS,
    query: lineQueries[lines],
    timeField: "@timestamp",
    metrics: [{ type: "logs", id: "1" }],
    bucketAggs: [],
  } satisfies Partial<Query>;
  const panes = JSON.stringify({
    logs: { datasource: LOGS.uid, queries: [query], range: { from: "$__from", to: "$__to" } },
  });
  // Grafana puts the times in before it reads the address: they stand there as they are.
  const encoded = encodeURIComponent(panes).replaceAll("%24__", "$__");
  return new dashboard.DashboardLinkBuilder(`Logs: ${lines}`)
    .type(dashboard.DashboardLinkType.Link)
    .url(`/explore?schemaVersion=1&panes=${encoded}&orgId=1`)
    .targetBlank(true);
}
