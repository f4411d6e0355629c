import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../../index.ts";
import { InputError } from "../../spec/fault.ts";
import { shortest, sourceOf } from "../../testing/source.ts";

type Environment = Parameters<typeof produce>[1];

const processes = "processes: { worker: { command: x }, clock: { command: y } }\n";
const on = "tracing: { endpoint: https://otlp.example.com, sample: 25% }\n";

function made(words: string, environment: Environment = "production", api = "") {
  const stack = `${shortest}  migrate: { up: z }\n${api}${processes}${words}`;
  const { plan, files } = produce(sourceOf(stack), environment, { release: { version: "v1.4,b" } });
  const text = (path: string) => files.find((file) => file.path === path)?.text ?? "";
  const environmentOf = (service: string) => plan.services[service]?.compose.environment ?? {};
  return { plan, text, environmentOf, everything: files.map((file) => file.text).join("\n") };
}

function faults(words: string): string[] {
  try {
    produce(sourceOf(`${shortest}${words}`), "production");
  } catch (error) {
    if (error instanceof InputError) return error.faults.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

describe("with tracing", () => {
  it("gives every server, worker and clock OpenTelemetry's own variables", () => {
    const { environmentOf } = made(on);
    for (const service of ["api-1", "api-2", "api-3", "api-spare", "worker-1", "clock-1"])
      expect(environmentOf(service), service).toMatchObject({
        OTEL_EXPORTER_OTLP_ENDPOINT: "https://otlp.example.com",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
        OTEL_TRACES_EXPORTER: "otlp",
        OTEL_METRICS_EXPORTER: "none",
        OTEL_LOGS_EXPORTER: "none",
        OTEL_PROPAGATORS: "tracecontext",
        OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.25",
      });
    expect(environmentOf("api-2").OTEL_SERVICE_NAME).toBe("hello-api");
    expect(environmentOf("api-spare").OTEL_SERVICE_NAME).toBe("hello-api");
    expect(environmentOf("worker-1").OTEL_SERVICE_NAME).toBe("hello-worker");
    expect(environmentOf("clock-1").OTEL_SERVICE_NAME).toBe("hello-clock");
    // A comma of a version would begin another attribute.
    expect(environmentOf("api-2").OTEL_RESOURCE_ATTRIBUTES).toBe(
      "service.namespace=hello,service.version=v1.4%2Cb,service.instance.id=api-2,deployment.environment.name=production",
    );
  });

  it("lets each of them out to the backend", () => {
    const { plan } = made(on);
    for (const service of ["api-1", "api-spare", "worker-1", "clock-1"])
      expect(Object.keys(plan.services[service]?.compose.networks ?? {})).toContain("egress");
  });

  it("hands the headers over as the application's secrets are: never as a text of the Compose file", () => {
    const files = made(on, "production", "  secrets_as: files\n");
    expect(files.plan.secrets).toContainEqual(
      expect.objectContaining({ name: "tracing_headers", supplied: expect.any(String) }),
    );
    expect(files.environmentOf("worker-1")).toMatchObject({
      OTEL_EXPORTER_OTLP_HEADERS_FILE: "/run/secrets/OTEL_EXPORTER_OTLP_HEADERS",
    });
    expect(files.environmentOf("api-1")).not.toHaveProperty("OTEL_EXPORTER_OTLP_HEADERS");
    expect(JSON.stringify(files.plan.services["api-1"]?.compose.secrets)).toContain(
      "OTEL_EXPORTER_OTLP_HEADERS",
    );

    const envFile = made(on);
    expect(envFile.environmentOf("api-1")).not.toHaveProperty("OTEL_EXPORTER_OTLP_HEADERS");
    const lines = envFile.plan.secrets.find(({ name }) => name === "api.env");
    expect(JSON.stringify(lines)).toContain(
      '"OTEL_EXPORTER_OTLP_HEADERS=",{"secret":"tracing_headers","oneLine":true}',
    );

    const none = made("tracing: { endpoint: http://collector.example.com:4318, headers: none }\n");
    expect(none.plan.secrets.map(({ name }) => name)).not.toContain("tracing_headers");
    expect(none.everything).not.toContain("OTEL_EXPORTER_OTLP_HEADERS");
  });

  it("lets what the user sets win", () => {
    const { environmentOf } = made(
      on,
      "production",
      "  environment: { OTEL_TRACES_SAMPLER: always_on, OTEL_SERVICE_NAME: mine, OTEL_EXPORTER_OTLP_PROTOCOL: grpc }\n",
    );
    expect(environmentOf("api-1")).toMatchObject({
      OTEL_TRACES_SAMPLER: "always_on",
      OTEL_SERVICE_NAME: "mine",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    });
  });

  it("takes a stranger's trace away at the door, unless clients are trusted", () => {
    const closed = made(on).text("nginx/nginx.conf");
    for (const header of ["traceparent", "tracestate", "baggage"])
      expect(closed).toContain(`proxy_set_header ${header} "";`);
    expect(closed).not.toContain("(?<plimsoll_trace>");
    const open = made("tracing: { endpoint: https://otlp.example.com, trust_clients: true }\n");
    expect(open.text("nginx/nginx.conf")).toBe(made("").text("nginx/nginx.conf"));
    expect(open.text("nginx/nginx.conf")).toContain("(?<plimsoll_trace>");
    expect(open.text("nginx/nginx.conf")).not.toContain("proxy_set_header traceparent");
  });

  it("keeps exemplars in Prometheus, few of them", () => {
    const { plan, text } = made(on);
    expect(plan.services.prometheus?.compose.command).toContain(
      "--enable-feature=auto-reload-config,exemplar-storage",
    );
    expect(parse(text("prometheus/prometheus.yaml")).storage).toEqual({
      exemplars: { max_exemplars: 20_000 },
    });
  });

  it("links exemplars to the backend's page, where it was given", () => {
    const view = "https://traces.example.com/t/{trace}?from={trace}";
    const { text } = made(`tracing: { endpoint: https://otlp.example.com, view: "${view}" }\n`);
    const [prometheus] = parse(text("grafana/datasources/datasources.yaml")).datasources;
    const value = "$${__value.raw}";
    expect(prometheus.jsonData.exemplarTraceIdDestinations).toEqual([
      {
        name: "trace_id",
        url: `https://traces.example.com/t/${value}?from=${value}`,
        urlDisplayLabel: "Trace",
      },
    ]);
    expect(made(on).text("grafana/datasources/datasources.yaml")).not.toContain("exemplar");
  });
});

describe("without tracing", () => {
  it.each([
    ["no word", "", "production"],
    ["taken back", `${on}environments: { staging: { tracing: null } }\n`, "staging"],
    ["on a laptop, whatever production has", on, "local"],
  ] as const)("nothing of it is anywhere: %s", (_, words, environment) => {
    const { everything, plan } = made(words, environment);
    expect(everything).not.toMatch(/OTEL_|exemplar|traceparent ""/);
    expect(plan.secrets.map(({ name }) => name)).not.toContain("tracing_headers");
  });
});

it("is each environment's own", () => {
  const words = `${on}environments:
  staging: { tracing: { sample: 100% } }
  local: { tracing: { endpoint: http://localhost:4318, headers: none } }
`;
  expect(made(words, "staging").environmentOf("api-1")).toMatchObject({
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://otlp.example.com",
    OTEL_TRACES_SAMPLER_ARG: "1",
    OTEL_RESOURCE_ATTRIBUTES: expect.stringContaining("deployment.environment.name=staging"),
  });
  expect(made(words, "local").environmentOf("api-1")).toMatchObject({
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318",
    OTEL_TRACES_SAMPLER_ARG: "0.1",
  });
});

describe("words that cannot be", () => {
  it.each([
    ["tracing: true", "tracing: expected a map such as { endpoint: https://otlp.example.com }"],
    ["tracing: {}", "tracing.endpoint: expected where OTLP is taken"],
    ["tracing: { endpoint: otlp.example.com:4317 }", "tracing.endpoint: expected where OTLP is taken"],
    ["tracing: { endpoint: https://me:secret@otlp.example.com }", "no name, password or quote in it"],
    ["tracing: { endpoint: 'https://otlp.example.com/v1/traces' }", "without /v1/traces, which is added"],
    ["tracing: { endpoint: 'https://otlp.example.com?key=x' }", "no ? and no #"],
    ["tracing: { endpoint: https://otlp.example.com, headers: 'api-key=x' }", "expected supply"],
    ["tracing: { endpoint: https://otlp.example.com, sample: 0.1 }", "expected a share such as 10%"],
    ["tracing: { endpoint: https://otlp.example.com, view: 'https://x.example.com/' }", "with {trace} in it"],
    ["tracing: { endpoint: https://otlp.example.com, sampel: 5% }", "did you mean sample?"],
  ])("%s", (words, message) => {
    expect(faults(`${words}\n`).join("\n")).toContain(message);
  });
});
