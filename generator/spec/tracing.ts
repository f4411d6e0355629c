/** Where the application's traces go. The environment that follows from it is OpenTelemetry's own, for any language. */
import { z } from "zod";
import { Share } from "./words.ts";

const ENDPOINT = "expected where OTLP is taken over HTTP: https://otlp.example.com";
const VIEW = "expected a page's address with {trace} in it: https://traces.example.com/trace/{trace}";

/** Nothing that would end a variable's value, and no password: what is secret stands in headers. */
const plainUrl = (error: string) =>
  z
    .string({ error })
    .max(500)
    .regex(/^https?:\/\/[a-zA-Z0-9[][\x21-\x7e]*$/, { error })
    .regex(/^[^@"'\\$`<>]*$/, { error: `${error}: no name, password or quote in it` });

export const Tracing = z.strictObject(
  {
    endpoint: plainUrl(ENDPOINT)
      .regex(/^[^?#]*$/, { error: `${ENDPOINT}: no ? and no #` })
      .regex(/^(?!.*\/v1\/traces\/?$)/, { error: `${ENDPOINT}, without /v1/traces, which is added` })
      .meta({ title: "URL", examples: ["https://otlp.example.com"] })
      .describe(
        "Where the backend takes OTLP over HTTP; /v1/traces is added, as OTEL_EXPORTER_OTLP_ENDPOINT has it",
      ),
    headers: z
      .enum(["supply", "none"], { error: "expected supply (a person gives them) or none" })
      .default("supply")
      .describe(
        "The headers that the backend wants, as OTEL_EXPORTER_OTLP_HEADERS has them (api-key=…,x-team=…): a secret that a person supplies; none for a backend that wants none",
      ),
    sample: Share.prefault("10%").describe("Share of the traces that are kept, chosen where each begins"),
    trust_clients: z
      .boolean()
      .default(false)
      .describe(
        "true: a request's own traceparent is followed, so that whoever sends it names the trace and chooses whether it is kept, and paid for. false: nginx removes it, and every trace begins in the stack",
      ),
    view: plainUrl(VIEW)
      .refine((text) => text.includes("{trace}"), { error: VIEW })
      .meta({ title: "URL with {trace}", examples: ["https://traces.example.com/trace/{trace}"] })
      .optional()
      .describe("The backend's page of one trace: Grafana links to it from exemplars"),
  },
  { error: "expected a map such as { endpoint: https://otlp.example.com }, or no such word" },
);
export type Tracing = z.output<typeof Tracing>;
