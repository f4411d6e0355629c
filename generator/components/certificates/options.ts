/** The words of `certificates` in stack.yaml. */
import { z } from "zod";
import { Domain } from "../../spec/words.ts";

/** ACME directories by the word for them. */
export const SERVERS = {
  letsencrypt: "https://acme-v02.api.letsencrypt.org/directory",
  staging: "https://acme-staging-v02.api.letsencrypt.org/directory",
} as const;

const Server = z.union(
  [
    z.enum(["letsencrypt", "staging"]),
    z
      .string()
      .max(300)
      .regex(/^https:\/\/[a-z0-9.-]+(?::\d{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/),
  ],
  { error: "expected letsencrypt, staging, or the https:// address of an ACME directory" },
);

const WILDCARD = "expected a host name such as www.example.com, or *.example.com";
const CertifiedName = z
  .string({ error: WILDCARD })
  .refine((text) => Domain.safeParse(text.startsWith("*.") ? text.slice(2) : text).success, {
    error: WILDCARD,
  });

export const Certificates = z
  .strictObject({
    email: z
      .string({ error: "expected an address such as ops@example.com" })
      .max(200)
      .regex(/^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$/, {
        error: "expected an address such as ops@example.com",
      })
      .optional()
      .describe(
        "Where the authority may write to. Let's Encrypt writes to nobody any more: alerts warn instead",
      ),
    server: Server.default("letsencrypt").describe(
      "The authority: letsencrypt; staging, Let's Encrypt's for trying out, which browsers refuse; or the address of an ACME directory",
    ),
    challenge: z
      .enum(["http", "dns"], { error: "expected http or dns" })
      .default("http")
      .describe(
        "How the authority sees that the names are yours. http: it asks port 80, to which the names must lead. dns: a record is made for it, which a wildcard needs",
      ),
    names: z
      .array(CertifiedName)
      .max(40)
      .default([])
      .describe(
        "Names in it beside the domain and nginx.names, with challenge: dns; *.example.com stands for all of one level",
      ),
    dns: z
      .strictObject({
        provider: z
          .enum(["digitalocean"], { error: "expected digitalocean" })
          .default("digitalocean")
          .describe("Who serves the zone. digitalocean: its token is asked for"),
      })
      .prefault({})
      .describe("Where the records of challenge: dns are made"),
    profile: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,40}$/, { error: "expected a profile such as shortlived" })
      .optional()
      .describe(
        "Kind of certificate, where the authority has more than one. Let's Encrypt: classic, tlsserver, shortlived (6 days)",
      ),
    account: z
      .string()
      .regex(/^[A-Za-z0-9._~-]{1,200}$/, { error: "expected a key identifier" })
      .optional()
      .describe(
        "Key identifier of an account that the authority knows already (external account binding); its HMAC key is asked for",
      ),
  })
  .prefault({})
  .describe("Certificates for HTTPS in staging and production, got and renewed by ACME; local is plain HTTP");
export type Certificates = z.output<typeof Certificates>;
