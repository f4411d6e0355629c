/** How the door is asked whether it answers: by its public address as a client would, and from within the stack. */
import type { Context, Probe } from "../component.ts";
import { usesTls } from "./conf.ts";
import type { Nginx } from "./options.ts";

/**
 * `edge` is what counts as the public address: by its name, through DNS, the published port and TLS as any client takes
 * it, wherever there is one. `nginx` beside it tells nginx from the way to it.
 */
export function doorProbes(options: Nginx, context: Pick<Context, "environment" | "spec">): Probe[] {
  if (!usesTls(context)) return [{ name: "edge", module: "inside", target: "http://nginx:8080/health" }];
  const inside: Probe = { name: "nginx", module: "inside", target: "https://nginx:8443/health" };
  if (isLoopback(options.bind)) return [{ ...inside, name: "edge" }, inside];
  const { domain } = context.spec;
  const port = options.https === 443 ? "" : `:${options.https}`;
  const secure = (name: string, host: string): Probe => ({
    name,
    module: "public",
    target: `https://${host}${port}/health`,
  });
  const { http = 80 } = options;
  return [
    secure("edge", domain),
    inside,
    { name: "redirect", module: "redirect", target: `http://${domain}${http === 80 ? "" : `:${http}`}/` },
    ...[...new Set(options.names)].filter((name) => name !== domain).map((name) => secure(name, name)),
  ];
}

/** Nobody comes in by it but a front end on the same machine, whose address is not known here. */
function isLoopback(bind = ""): boolean {
  return bind.startsWith("127.") || bind === "::1";
}
