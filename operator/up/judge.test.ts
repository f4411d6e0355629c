import { expect, test } from "vitest";
import type { Container } from "./containers.ts";
import { judge } from "./judge.ts";

const server = { oneShot: false, healthcheck: true };
const job = { oneShot: true, healthcheck: false };

function container(some: Partial<Container>): Container {
  return {
    id: "1",
    service: "s",
    status: "running",
    exitCode: 0,
    restarts: 0,
    outOfMemory: false,
    startedAt: 1,
    ...some,
  };
}

test.each([
  [undefined, server, 0, "waiting"],
  [container({ status: "created" }), server, 0, "waiting"],
  [container({ health: "starting" }), server, 0, "waiting"],
  [container({ health: "healthy" }), server, 0, "ready"],
  [container({ health: "unhealthy" }), server, 0, "failed"],
  [container({}), { oneShot: false, healthcheck: false }, 0, "ready"],
  [container({ status: "restarting", exitCode: 1 }), server, 1, "waiting"],
  [container({ status: "restarting", exitCode: 1 }), server, 5, "failed"],
  [container({ status: "exited", exitCode: 0 }), server, 0, "failed"],
  [container({ status: "paused" }), server, 0, "failed"],
  [container({ status: "running" }), job, 0, "waiting"],
  [container({ status: "exited", exitCode: 0 }), job, 0, "ready"],
  [container({ status: "exited", exitCode: 3 }), job, 0, "failed"],
])("%j, expected %j, %i restarts: %s", (seen, expected, restarts, kind) => {
  expect(judge(seen, expected, restarts).kind).toBe(kind);
});

test("only a loop is final while Compose is at work; it may be about to replace the rest", () => {
  expect(judge(container({ status: "restarting" }), server, 5)).toMatchObject({ final: true });
  expect(judge(container({ health: "unhealthy" }), server, 0)).not.toHaveProperty("final");
});

test("a kill for want of memory is named", () => {
  const killed = container({ status: "exited", exitCode: 137, outOfMemory: true });
  expect(judge(killed, server, 0)).toMatchObject({ why: expect.stringContaining("memory") });
});
