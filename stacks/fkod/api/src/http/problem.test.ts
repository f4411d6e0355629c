import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Problem, parse, toProblem } from "./problem.ts";

describe("a problem", () => {
  test("of input lists every fault with its place", () => {
    const schema = z.strictObject({ score: z.number(), name: z.string() });
    const problem = thrown(() => parse(schema, { score: "5", extra: 1 }, "body"));
    expect(problem.status).toBe(422);
    const pointers = (problem.more.errors as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers).toEqual(["#/body/score", "#/body/name", "#/body"]);
  });

  test.each([
    [{ type: "entity.parse.failed", status: 400 }, 400],
    [{ type: "entity.too.large", status: 413 }, 413],
    [{ code: "ECONNREFUSED" }, 503],
    [{ code: "57P01", message: "terminating connection due to administrator command" }, 503],
    [{ code: "25006", message: "cannot execute UPDATE in a read-only transaction" }, 503],
    [{ message: "Command timed out" }, 503],
    [{ code: "42P01", message: 'relation "users" does not exist' }, 500],
  ])("made of %o has status %i", (error, status) => {
    expect(toProblem(Object.assign(new Error(), error)).status).toBe(status);
  });

  test("tells nothing of an error nobody expected", () => {
    const problem = toProblem(new Error("password=hunter2 at db-primary"));
    expect(JSON.stringify({ ...problem, detail: problem.detail })).not.toContain("hunter2");
  });

  test("says when to come back where the database is away", () => {
    expect(toProblem(Object.assign(new Error(), { code: "ECONNRESET" })).headers).toEqual({
      "Retry-After": "1",
    });
  });
});

function thrown(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error("expected a Problem");
}
