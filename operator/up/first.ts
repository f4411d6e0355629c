/** The first request, through the front door: the proof that a stack answers, not only that its parts are healthy. */
import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { Project } from "./project.ts";

export type FirstAnswer = { url: string; status: number /** Until the last byte. */; milliseconds: number };

/** Where nginx is published, and in which scheme. */
export function frontDoor({
  environment,
  services,
}: Project["plan"]): { scheme: "http" | "https"; port: number } | undefined {
  const ports = services.nginx?.ports ?? [];
  // Plain HTTP in `local`; elsewhere the plain port only sends people on.
  const secure =
    environment !== "local" ? ports.find(({ target }) => target === 443 || target === 8443) : undefined;
  const port = secure ?? ports[0];
  return port && { scheme: secure ? "https" : "http", port: port.published };
}

/** Asks until it is answered with a success, for at most ten seconds; then the last answer is returned as it is. */
export async function firstRequest(
  plan: Project["plan"],
  patience = 10_000,
): Promise<FirstAnswer | undefined> {
  const door = frontDoor(plan);
  if (!door) return undefined;
  const url = `${door.scheme}://127.0.0.1:${door.port}${plan.routes[0]?.health ?? "/health"}`;
  const deadline = Date.now() + patience;
  for (;;) {
    const began = performance.now();
    const status = await ask(url, plan.domain);
    const answer = { url, status, milliseconds: Math.round(performance.now() - began) };
    if ((status >= 200 && status < 300) || Date.now() > deadline) return answer;
    await sleep(250);
  }
}

/** The status, or 0 where nothing answered. The certificate is not looked at: the name in it is not 127.0.0.1. */
function ask(url: string, host: string): Promise<number> {
  return new Promise((resolve) => {
    const client = url.startsWith("https:") ? https : http;
    const options = {
      headers: { host },
      servername: host,
      rejectUnauthorized: false,
      timeout: 5_000,
      agent: false as const,
    };
    const request = client.get(url, options, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
      response.once("error", () => resolve(0));
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(0));
  });
}
