import { type Metric, type OpenMetricsContentType, Registry } from "prom-client";

/** The metrics in the format that was asked for: OpenMetrics, which alone has exemplars, or Prometheus's own text. */
export async function metricsPage(registry: Registry, accept = ""): Promise<{ type: string; text: string }> {
  const wanted = /(?:^|,)\s*application\/openmetrics-text\b(?![^,]*;\s*q=0(?:\.0*)?\s*(?:[,;]|$))/i.test(
    accept,
  );
  const asked = wanted ? openMetrics(registry) : registry;
  return { type: asked.contentType, text: await asked.metrics() };
}

/** A registry has one format, and this one's takes `_total` from the counters' names for good: so it gets doubles. */
function openMetrics(registry: Registry) {
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const metric of registry.getMetricsAsArray()) open.registerMetric(Object.create(metric) as Metric);
  return open;
}
