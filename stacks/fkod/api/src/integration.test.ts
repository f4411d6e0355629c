import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { freshDatabase, run, type Started, startServer } from "./testing.ts";

const databaseUrl = process.env.TEST_DATABASE_URL ?? "";
const redisUrl = process.env.TEST_REDIS_URL ?? "";
const ready = databaseUrl !== "" && redisUrl !== "";
if (!ready)
  console.warn("SKIPPED: the integration test needs TEST_DATABASE_URL and TEST_REDIS_URL, and a build");

describe.runIf(ready)("the whole API", () => {
  let server: Started;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let env: Record<string, string>;
  let token = "";
  const email = `it-${Date.now()}@example.com`;
  const port = 20_000 + (process.pid % 10_000);

  beforeAll(async () => {
    database = await freshDatabase(databaseUrl);
    env = {
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      JWT_SECRET: "integration-".repeat(4),
      SEED_PASSWORD: "seed-password",
      BCRYPT_COST: "4",
      RELEASE: "it-1",
    };
  });
  afterAll(async () => {
    if (server?.child.exitCode === null) await server.stop();
    await database?.drop();
  });

  async function call(method: string, path: string, body?: unknown, as = token) {
    const response = await fetch(server.base + path, {
      method,
      headers: { ...(as ? { Authorization: `Bearer ${as}` } : {}), "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined };
  }

  test("three migrations at once apply each file once", async () => {
    const runs = await Promise.all([1, 2, 3].map(() => run("migrate", ["up", "--json"], env)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    const steps = runs.flatMap(({ stdout }) => JSON.parse(stdout).up as { version: string }[]);
    const versions = steps.map(({ version }) => version).sort();
    expect(versions).toEqual([...new Set(versions)]);
    const status = JSON.parse((await run("migrate", ["status", "--json"], env)).stdout);
    expect(status.pending).toEqual([]);
    expect(status.applied.map(({ version }: { version: string }) => version)).toEqual(versions);
  });

  test("all migrations can be taken back and applied again", async () => {
    expect((await run("migrate", ["down", "--steps", "99"], env)).code).toBe(0);
    expect((await run("migrate", ["status", "--exit-code"], env)).code).toBe(3);
    expect((await run("migrate", ["up"], env)).code).toBe(0);
  });

  test("the seed fills once", async () => {
    const first = JSON.parse((await run("seed", ["--scale", "0.1"], env)).stdout).inserted;
    expect(first).toMatchObject({ users: 201, courses: 12 });
    const again = JSON.parse((await run("seed", ["--scale", "0.1"], env)).stdout).inserted;
    expect(Object.values(again).every((count) => count === 0)).toBe(true);
  });

  test("the server starts and is ready", async () => {
    server = await startServer(port, env);
    // It listens before its connections are made, and says 503 until they are.
    const checks = await vi.waitFor(
      async () => {
        const { status, body } = await call("GET", "/ready");
        expect(status, JSON.stringify(body)).toBe(200);
        return body.checks;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(Object.keys(checks)).toEqual(["primary", "replica", "sessions", "cache"]);
  });

  test("a user registers once, logs in, and is known", async () => {
    const made = await call("POST", "/api/v1/auth/register", { email, name: "It", password: "long enough" });
    expect(made.status).toBe(201);
    expect(JSON.stringify(made.body)).not.toContain("hash");
    const again = await call("POST", "/api/v1/auth/register", {
      email: email.toUpperCase(),
      name: "It",
      password: "long enough",
    });
    expect(again.status).toBe(409);
    expect((await call("POST", "/api/v1/auth/login", { email, password: "wrong one!" })).status).toBe(401);
    token = (await call("POST", "/api/v1/auth/login", { email, password: "long enough" })).body.token;
    expect((await call("GET", "/api/v1/me")).body.user.email).toBe(email);
  });

  test("only staff create courses, and a new one is in the list at once", async () => {
    await call("GET", "/api/v1/courses");
    const course = { slug: "integration", title: "Integration", category: "data", level: "beginner" };
    expect((await call("POST", "/api/v1/courses", course)).status).toBe(403);
    const login = { email: "staff@seed.fkod.com", password: "seed-password" };
    const staff = (await call("POST", "/api/v1/auth/login", login)).body.token;
    expect((await call("POST", "/api/v1/courses", course, staff)).status).toBe(201);
    expect((await call("POST", "/api/v1/courses", course, staff)).status).toBe(409);
    const { items, next } = (await call("GET", "/api/v1/courses?limit=1")).body;
    expect(items[0].slug).toBe("integration");
    expect((await call("GET", `/api/v1/courses?limit=1&after=${next}`)).body.items[0].slug).not.toBe(
      "integration",
    );
  });

  test("enrolling, progress, rating and recommending work and are counted", async () => {
    const { id } = (await call("GET", "/api/v1/courses?limit=1")).body.items[0];
    const rate = () => call("POST", "/api/v1/feedback/satisfaction", { courseId: id, score: 5 });
    expect((await rate()).status).toBe(403);
    const enrolled = await call("POST", `/api/v1/courses/${id}/enrolments`);
    expect(enrolled.status).toBe(201);
    expect((await call("POST", `/api/v1/courses/${id}/enrolments`)).status).toBe(200);
    expect((await call("POST", "/api/v1/courses/999999/enrolments")).status).toBe(404);
    const path = `/api/v1/enrolments/${enrolled.body.enrolment.id}`;
    expect((await call("PATCH", path, { progress: 100 })).body.enrolment.completedAt).toBeTruthy();
    expect((await call("PATCH", path, { progress: 101 })).status).toBe(422);
    expect((await call("GET", "/api/v1/enrolments")).body.items).toHaveLength(1);
    expect((await rate()).status).toBe(201);
    expect((await rate()).status).toBe(200);
    expect((await call("POST", "/api/v1/feedback/nps", { score: 3 })).body.kind).toBe("detractor");
    const metrics = await fetch(server.metrics).then((response) => response.text());
    expect(metrics).toContain("fkod_enrolments_total 1\n");
    expect(metrics).toContain("fkod_satisfaction_score_count 1\n");
    expect(metrics).toContain('fkod_nps_responses_total{kind="detractor"} 1\n');
    expect(metrics).toMatch(
      /http_request_duration_seconds_count\{method="PATCH",route="\/api\/v1\/enrolments\/:id"/,
    );
  });

  test("one of two requests at once gets the mentor", async () => {
    const topic = (await call("GET", "/api/v1/mentors?limit=1")).body.items[0].topics[0];
    const both = await Promise.all(
      [1, 2].map(() => call("POST", "/api/v1/mentor-matches", { topic, goal: "learn" })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect((await call("GET", "/api/v1/mentor-matches")).body.items).toHaveLength(1);
  });

  test("bad input gets a problem, with the request's id", async () => {
    const bad = await call("POST", "/api/v1/auth/login", "{not json");
    expect(bad.status).toBe(400);
    expect(bad.headers.get("content-type")).toContain("application/problem+json");
    expect(bad.body.requestId).toBe(bad.headers.get("x-request-id"));
    expect((await call("POST", "/api/v1/auth/login", `"${"a".repeat(200_000)}"`)).status).toBe(413);
    expect((await call("GET", "/api/v1/courses?limit=9999")).status).toBe(422);
    expect((await call("GET", "/api/v1/courses/1%27%20or%201=1")).status).toBe(422);
    expect((await call("GET", "/api/v1/courses/%ff")).status).toBe(400);
    expect((await call("GET", "/metrics")).status).toBe(404);
    expect((await call("GET", "/api/v1/me", undefined, "ey.bad.token")).status).toBe(401);
  });

  test("an upload streams, and the events and the socket answer", async () => {
    const bytes = Buffer.alloc(5_000_000, "plimsoll");
    const upload = await fetch(`${server.base}/api/v1/uploads`, { method: "POST", body: bytes });
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    expect(await upload.json()).toMatchObject({ bytes: bytes.length, sha256 });

    const socket = new WebSocket(`${server.base.replace("http", "ws")}/api/v1/ws`);
    const heard: string[] = [];
    socket.on("message", (data) => heard.push(String(data)));
    socket.on("open", () => socket.send("ahoy"));
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));

    const events = await fetch(`${server.base}/api/v1/events`);
    const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("event: tick")) text += (await reader?.read())?.value ?? "";
    expect(heard[1]).toBe("ahoy");

    // With a stream, a socket and an idle connection open, the server still stops, and says goodbye.
    const started = Date.now();
    const stopped = server.stop();
    for (;;) {
      const part = await reader?.read();
      text += part?.value ?? "";
      if (!part || part.done) break;
    }
    expect(text).toContain("event: bye");
    expect(await closed).toBe(1001);
    expect(await stopped).toBe(0);
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  test("its log is ECS, a line a request, and holds no secret", () => {
    const lines = server.output().trim().split("\n");
    const parsed = lines.map((line) => JSON.parse(line));
    const login = parsed.find((line) => line["url.path"] === "/api/v1/auth/login");
    expect(login).toMatchObject({ "http.request.method": "POST", "service.version": "it-1" });
    for (const secret of ["long enough", "seed-password", "integration-integration", token])
      expect(server.output()).not.toContain(secret);
  });
});
