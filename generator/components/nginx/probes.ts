/** How the door is asked whether it answers: from within the stack, and by its public address as a client would. */
import type { Context, Probe } from "../component.ts";
import { usesTls } from "./conf.ts";
import type { Nginx } from "./options.ts";

/** `edge` is what promises are judged by: what can be asked of every stack, whatever its DNS, front end or network. */
export function doorProbes(options: Nginx, context: Pick<Context, "environment" | "spec">): Probe[] {
  if (!usesTls(context)) return [{ name: "edge", module: "inside", target: "http://nginx:8080/health" }];
  const edge: Probe = { name: "edge", module: "inside", target: "https://nginx:8443/health" };
  if (isLoopback(options.bind)) return [edge];
  const { domain } = context.spec;
  const port = options.https === 443 ? "" : `:${options.https}`;
  const secure = (name: string, host: string): Probe => ({
    name,
    module: "public",
    target: `https://${host}${port}/health`,
  });
  const { http = 80 } = options;
  return [
    edge,
    secure("public", domain),
    { name: "redirect", module: "redirect", target: `http://${domain}${http === 80 ? "" : `:${http}`}/` },
    ...[...new Set(options.names)].filter((name) => name !== domain).map((name) => secure(name, name)),
  ];
}

/** Nobody comes in by it but a front end on the same machine, whose address is not known here. */
function isLoopback(bind = ""): boolean {
  return bind.startsWith("127.") || bind === "::1";
}
