/** The environment of OpenTelemetry, in its own words: opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables */
import type { Context, Contribution } from "../component.ts";

const HEADERS = "tracing_headers";

/** What all processes get alike. Provided like a database's address, so that what the user sets wins. */
export function tracingProvides({
  spec: { tracing },
}: Pick<Context, "spec">): Pick<Contribution, "provides" | "secrets"> {
  if (tracing === undefined) return {};
  const withHeaders = tracing.headers === "supply";
  return {
    provides: {
      OTEL_EXPORTER_OTLP_ENDPOINT: tracing.endpoint,
      // Not the default everywhere, and what nearly every backend takes.
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_TRACES_EXPORTER: "otlp",
      // Prometheus and the log have these; an SDK that begins by itself would send them too.
      OTEL_METRICS_EXPORTER: "none",
      OTEL_LOGS_EXPORTER: "none",
      OTEL_PROPAGATORS: "tracecontext",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: String(tracing.sample),
      ...(withHeaders && { OTEL_EXPORTER_OTLP_HEADERS: [{ secret: HEADERS }] }),
    },
    secrets: withHeaders
      ? [{ name: HEADERS, supplied: "Headers for the backend of traces, as in api-key=SECRET,x-team=ME" }]
      : [],
  };
}

/** What one process says of itself, in every span. */
export function tracingOf(
  service: string,
  { spec, release, environment }: Pick<Context, "spec" | "release" | "environment">,
): Record<string, string> {
  if (spec.tracing === undefined) return {};
  // The spare is one of the servers.
  const kind = service.replace(/-(\d+|spare)$/, "");
  const attributes = {
    "service.namespace": spec.name,
    "service.version": release?.version ?? "local",
    "service.instance.id": service,
    "deployment.environment.name": environment,
  };
  return {
    OTEL_SERVICE_NAME: `${spec.name}-${kind}`,
    OTEL_RESOURCE_ATTRIBUTES: Object.entries(attributes)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      .join(","),
  };
}
