/**
 * The dashboards there are, by stem: `grafana/dashboards/<stem>.json`, built by `grafana/builders/<stem>.ts`.
 * Apart from the builders, since these need the SDK and the generator does not have it.
 */
export const dashboardStems = [
  "overview",
  "objectives",
  "release",
  "edge",
  "certificates",
  "api",
  "business",
  "postgres",
  "backup",
  "redis",
  "host",
  "logs",
  "prometheus",
] as const;
export type DashboardStem = (typeof dashboardStems)[number];

/** The uid, and so the address, of a dashboard: `/d/plimsoll-edge`. */
export function dashboardUid(stem: DashboardStem): string {
  return `plimsoll-${stem}`;
}
