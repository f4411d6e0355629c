/** The words of `nginx` in stack.yaml. */
import { isIP } from "node:net";
import { z } from "zod";
import { Between, Domain, MiB, Origin, Port, Size, UrlPath } from "../../spec/words.ts";

const Rate = z
  .string({ error: "expected a rate such as 20r/s or 300r/m" })
  .regex(/^[1-9]\d{0,5}r\/[sm]$/, { error: "expected a rate such as 20r/s or 300r/m" })
  .meta({ examples: ["20r/s", "300r/m"] });

const Address = z
  .string({ error: "expected an IP address such as 0.0.0.0 or 127.0.0.1" })
  .refine((text) => isIP(text) !== 0, { error: "expected an IP address such as 0.0.0.0 or 127.0.0.1" });

function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes("%")) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const Network = z
  .string({ error: "expected an address or a network such as 173.245.48.0/20" })
  .refine(isNetwork, { error: "expected an address or a network such as 173.245.48.0/20" });

/** Any printable ASCII: it is quoted. A header of more would be read differently by each client. */
const HeaderText = z
  .string({ error: "expected a text" })
  .max(2048)
  .regex(/^[\x20-\x7e]*$/, { error: "expected printable ASCII on one line" });

export const Nginx = z
  .strictObject({
    http: Port.optional().describe("Published port for HTTP: 8080 in local, else 80"),
    https: Port.default(443).describe("Published port for HTTPS, in every environment but local"),
    bind: Address.optional().describe("Address the ports are published on: 127.0.0.1 in local, else 0.0.0.0"),
    names: z.array(Domain).max(50).default([]).describe("Host names it answers beside the domain"),
    rate: z
      .union(
        [
          z.literal(false),
          z.strictObject({
            requests: Rate.default("50r/s").describe("How many requests an address may send"),
            burst: z.int().min(0).max(100_000).default(100).describe("How many more at once"),
          }),
        ],
        {
          error: "expected false, or a map such as { requests: 50r/s, burst: 100 }",
        },
      )
      .prefault({})
      .describe("Limit for each address; false for none"),
    connections: z
      .int()
      .min(1)
      .max(65_535)
      .default(200)
      .describe("How many connections an address may hold at once"),
    body: Size.prefault("10MB").describe("Largest request body"),
    uploads: z
      .strictObject({
        paths: z.array(UrlPath).min(1).max(50).describe("Paths whose bodies go through as they come"),
        body: Size.prefault("100MB").describe("Largest body there"),
      })
      .optional()
      .describe("Large uploads: passed on while they arrive, never kept, never repeated on another server"),
    timeouts: z
      .strictObject({
        header: Between(1, 300).prefault("15s").describe("For a client to send a request's head"),
        body: Between(1, 3600).prefault("30s").describe("Between two pieces of a request's body"),
        send: Between(1, 3600)
          .prefault("30s")
          .describe("Between two pieces of an answer that a client takes"),
        idle: Between(1, 3600).prefault("65s").describe("For a connection without a request"),
        answer: Between(1, 3600).prefault("60s").describe("For a server to answer"),
        stream: Between(1, 86_400)
          .prefault("1h")
          .describe("Between two messages of a WebSocket or an event stream"),
        drain: Between(1, 3600).prefault("60s").describe("For open requests when it stops or reloads"),
      })
      .prefault({})
      .describe("How long it waits"),
    cors: z
      .strictObject({
        origins: z
          .array(Origin)
          .min(1)
          .max(200)
          .describe("Origins whose pages may call the API, with credentials"),
        max_age: Between(0, 86_400)
          .prefault("2h")
          .describe("How long a browser remembers the answer to a preflight"),
      })
      .optional()
      .describe("CORS answered at the edge; left to the application if absent"),
    trusted_proxies: z
      .array(Network)
      .max(200)
      .default([])
      .describe("Networks of a CDN or load balancer in front, whose word on the client's address is taken"),
    client_address: z
      .enum(["X-Forwarded-For", "CF-Connecting-IP", "X-Real-IP", "True-Client-IP"])
      .default("X-Forwarded-For")
      .describe("Header in which trusted_proxies name the client's address"),
    headers: z
      .strictObject({
        content_type_options: z.boolean().default(true).describe("X-Content-Type-Options: nosniff"),
        frame_options: z
          .union([z.literal(false), z.enum(["DENY", "SAMEORIGIN"])])
          .default("DENY")
          .describe("X-Frame-Options; false for none"),
        referrer_policy: z
          .union([z.literal(false), HeaderText])
          .default("strict-origin-when-cross-origin")
          .describe("Referrer-Policy; false for none"),
        permissions_policy: z
          .union([z.literal(false), HeaderText])
          .default("camera=(), geolocation=(), microphone=()")
          .describe("Permissions-Policy; false for none"),
        content_security_policy: z
          .union([z.literal(false), HeaderText])
          .default("frame-ancestors 'none'")
          .describe("Content-Security-Policy; false for none"),
        hsts: z
          .union([z.literal(false), Between(0, 63_072_000)])
          .prefault("365d")
          .describe("Strict-Transport-Security for so long, under TLS; false for none"),
      })
      .prefault({})
      .describe("Security headers, added where the application does not set them itself"),
    gzip: z.boolean().default(true).describe("Compress text and JSON"),
  })
  .describe("The front door: ports, limits, timeouts, CORS, headers");
export type Nginx = z.output<typeof Nginx>;

export const LEAST_MEMORY = 96 * MiB;
