/** Whether a service has arrived, is on its way, or will not get there. */
import type { Container } from "./containers.ts";

export type Expectation = { oneShot: boolean; healthcheck: boolean };

export type Verdict =
  | { kind: "ready"; how: "healthy" | "running" | "done" }
  | { kind: "waiting"; state: string }
  /** Not `final` while Compose is still at work: it may be about to replace this container. */
  | { kind: "failed"; why: string; final?: true };

/** Restarts after which a service is taken to be in a loop. A first start may lose a race once or twice. */
const LOOP = 5;

/** `restarts`: those since we began to look; a service may well have restarted last month. */
export function judge(container: Container | undefined, expected: Expectation, restarts: number): Verdict {
  if (!container || container.status === "created") return { kind: "waiting", state: "waiting" };
  const { status, exitCode, health } = container;
  if (expected.oneShot) {
    if (status !== "exited") return { kind: "waiting", state: "running" };
    return exitCode === 0 ? { kind: "ready", how: "done" } : { kind: "failed", why: ending(container) };
  }
  if (restarts >= LOOP) {
    return {
      kind: "failed",
      why: `starts again and again (${restarts} times)${memory(container)}`,
      final: true,
    };
  }
  if (status === "exited" || status === "dead") return { kind: "failed", why: ending(container) };
  if (status === "paused") return { kind: "failed", why: "is paused" };
  if (status !== "running") return { kind: "waiting", state: status };
  if (!expected.healthcheck) return { kind: "ready", how: "running" };
  if (health === "healthy") return { kind: "ready", how: "healthy" };
  if (health === "unhealthy") return { kind: "failed", why: "is unhealthy" };
  return { kind: "waiting", state: "starting" };
}

function ending(container: Container): string {
  return `ended with exit code ${container.exitCode}${memory(container)}`;
}

function memory({ outOfMemory, exitCode }: Container): string {
  return outOfMemory || exitCode === 137 ? ": killed, probably for want of memory" : "";
}
