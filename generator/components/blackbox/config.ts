/** The modules of the blackbox exporter, and the probe of the public address. */
import type { Context, Probe } from "../component.ts";

const TIMEOUT = "5s";

/**
 * Through the door that clients use, by the name they use. A certificate that nobody trusts yet (the first minutes,
 * staging) still has an end to be watched; whether it is trusted, a browser says.
 */
export function edgeProbe(context: Pick<Context, "environment">): Probe {
  return {
    name: "edge",
    module: "edge",
    target: isPlain(context) ? "http://nginx:8080/health" : "https://nginx:8443/health",
  };
}

function isPlain({ environment }: Pick<Context, "environment">): boolean {
  return environment === "local";
}

export function blackboxConfig(context: Pick<Context, "environment" | "spec">) {
  const { domain } = context.spec;
  return {
    modules: {
      http_2xx: {
        prober: "http",
        timeout: TIMEOUT,
        http: { preferred_ip_protocol: "ip4", follow_redirects: false },
      },
      tcp_connect: { prober: "tcp", timeout: TIMEOUT, tcp: { preferred_ip_protocol: "ip4" } },
      edge: {
        prober: "http",
        timeout: TIMEOUT,
        http: {
          preferred_ip_protocol: "ip4",
          follow_redirects: false,
          headers: { Host: domain },
          ...(isPlain(context)
            ? {}
            : { fail_if_not_ssl: true, tls_config: { server_name: domain, insecure_skip_verify: true } }),
        },
      },
    },
  };
}
