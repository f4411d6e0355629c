/** How Docker asks an application that we know nothing about whether it is well. */
import type { Process } from "../../spec/core.ts";
import type { Service } from "../component.ts";

/** Asks with whatever the user's image has: starting Node for every question would cost more than the answer. */
export function httpProbe(port: number, path: string): string {
  const url = `http://127.0.0.1:${port}${path}`;
  return [
    `if command -v curl >/dev/null; then exec curl -fsS -m 4 -o /dev/null ${url}; fi`,
    `if command -v wget >/dev/null; then exec wget -q -T 4 -O /dev/null ${url}; fi`,
    `if command -v bash >/dev/null; then exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port} && printf "GET ${path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3 && read -t 4 -r line <&3 && [[ $line == *" 200 "* ]]'; fi`,
    `exec node -e 'require("node:http").get("${url}",r=>process.exit(r.statusCode===200?0:1)).on("error",()=>process.exit(1))'`,
  ].join("; ");
}

export function processHealth(health: Process["health"]): Pick<Service, "healthcheck" | "exceptions"> {
  if (health === undefined) {
    return {
      exceptions: { healthcheck: "processes.NAME.health is not set: it counts as well while it runs" },
    };
  }
  if (typeof health === "object" && "port" in health) {
    return { healthcheck: { test: ["CMD-SHELL", httpProbe(health.port, health.path)] } };
  }
  return {
    healthcheck: { test: typeof health === "string" ? ["CMD-SHELL", health] : ["CMD", ...health] },
  };
}
