import { Agent, createServer, get, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { untilNext } from "./jobs/schedule.ts";
import { drain, pause } from "./lifecycle.ts";

let server: Server;
afterEach(() => server?.closeAllConnections());

async function slowServer(ms: number): Promise<number> {
  server = createServer((_request, response) => setTimeout(() => response.end("done"), ms));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const ask = (port: number, agent?: Agent) =>
  new Promise<string>((resolve) => {
    get({ port, host: "127.0.0.1", agent }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
      response.on("error", () => resolve("cut"));
    }).on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "failed"));
  });

describe("draining", () => {
  test("lets a request in flight finish and takes no new one", async () => {
    const port = await slowServer(300);
    const inFlight = ask(port);
    await pause(50);
    const drained = drain(server, 2_000);
    expect(await ask(port)).toBe("ECONNREFUSED");
    expect(await inFlight).toBe("done");
    expect(await drained).toBe(true);
  });

  test("does not wait for kept-alive connections", async () => {
    const port = await slowServer(0);
    await fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
    const started = Date.now();
    expect(await drain(server, 2_000)).toBe(true);
    expect(Date.now() - started).toBeLessThan(1_000);
  });

  test("answers a request that comes on a kept-alive connection just then", async () => {
    const port = await slowServer(0);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await ask(port, agent)).toBe("done");
    const drained = drain(server, 2_000);
    expect(await ask(port, agent)).toBe("done");
    expect(await drained).toBe(true);
  });

  test("cuts off what is not done at the deadline", async () => {
    const port = await slowServer(5_000);
    const inFlight = ask(port);
    await pause(50);
    expect(await drain(server, 200)).toBe(false);
    expect(await inFlight).toBe("ECONNRESET");
  });
});

test("a pause ends early when aborted", async () => {
  const controller = new AbortController();
  const started = Date.now();
  setTimeout(() => controller.abort(), 20);
  await pause(5_000, controller.signal);
  expect(Date.now() - started).toBeLessThan(1_000);
});

test("the clock keeps its beat across restarts", () => {
  expect(untilNext(300, Date.parse("2026-11-23T10:02:00Z"))).toBe(180_000);
  expect(untilNext(300, Date.parse("2026-11-23T10:05:00Z"))).toBe(300_000);
});
