import { expect, test } from "vitest";
import { isConnectionError } from "./data/pool.ts";
import { seconds } from "./http/auth.ts";
import { npsKind } from "./routes/feedback.ts";
import { amounts, seedStatements } from "./seed/statements.ts";

test.each([
  ["30s", 30],
  ["15m", 900],
  ["12h", 43_200],
  ["7d", 604_800],
])("%s is %i seconds", (text, expected) => {
  expect(seconds(text)).toBe(expected);
});

test.each([
  [0, "detractor"],
  [6, "detractor"],
  [7, "passive"],
  [8, "passive"],
  [9, "promoter"],
  [10, "promoter"],
] as const)("a score of %i is a %s", (score, kind) => {
  expect(npsKind(score)).toBe(kind);
});

test("a failed connection is told from a failed query", () => {
  const error = (code: string) => Object.assign(new Error("x"), { code });
  expect(isConnectionError(error("57P01"))).toBe(true);
  expect(isConnectionError(new Error("Connection terminated unexpectedly"))).toBe(true);
  expect(isConnectionError(new AggregateError([error("ECONNREFUSED")]))).toBe(true);
  expect(isConnectionError(error("23505"))).toBe(false);
  expect(isConnectionError(error("57014"))).toBe(false);
});

test("the seed is the same text each time, and grows with its scale", () => {
  expect(seedStatements(amounts(1), "!")).toEqual(seedStatements(amounts(1), "!"));
  expect(amounts(3).courses).toBe(360);
  expect(amounts(0.001).mentors).toBe(1);
});
