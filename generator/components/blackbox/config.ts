/** The modules of the blackbox exporter: how each probe asks. Source: its CONFIGURATION.md. */
import type { Context, Probe } from "../component.ts";

const http = { preferred_ip_protocol: "ip4", follow_redirects: false };

/** @param unknownAuthority of the door's certificate: whoever is asked need not be one that clients trust */
export function blackboxConfig(context: Pick<Context, "environment" | "spec">, unknownAuthority = false) {
  const { domain } = context.spec;
  const module = (prober: "http" | "tcp", words: object) => ({ prober, timeout: "5s", [prober]: words });
  return {
    modules: {
      tcp_connect: module("tcp", { preferred_ip_protocol: "ip4" }),
      // By the public name, past DNS and the published port. A certificate that nobody trusts yet still has an end to be watched.
      inside: module("http", {
        ...http,
        headers: { Host: domain },
        ...(context.environment !== "local" && {
          fail_if_not_ssl: true,
          tls_config: { server_name: domain, insecure_skip_verify: true },
        }),
      }),
      // Name and chain of the certificate are held against the target's host, unless no client would take it.
      public: module("http", {
        ...http,
        fail_if_not_ssl: true,
        ...(unknownAuthority && { tls_config: { insecure_skip_verify: true } }),
      }),
      redirect: module("http", {
        ...http,
        valid_status_codes: [301, 308],
        fail_if_header_not_matches: [{ header: "Location", regexp: "^https://" }],
      }),
    } satisfies Record<Probe["module"], object>,
  };
}
