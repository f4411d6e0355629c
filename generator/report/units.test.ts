import { expect, test } from "vitest";
import { GiB, MiB } from "../spec/words.ts";
import { colourful, plain, printable } from "./paint.ts";
import { bytes, joinNames, percent, wrap } from "./units.ts";

test.each([
  [32 * MiB, "32 MB"],
  [1023.4 * MiB, "1023 MB"],
  [1023.6 * MiB, "1 GB"],
  [1.56 * GiB, "1.6 GB"],
  [14.6 * GiB, "15 GB"],
  [2048 * GiB, "2 TB"],
  [0, "0 MB"],
])("%d bytes are %s", (value, text) => {
  expect(bytes(value)).toBe(text);
});

test("100% is all of it", () => {
  expect([percent(999, 1000), percent(1000, 1000), percent(1, 3), percent(0, 0)]).toEqual([
    "99%",
    "100%",
    "33%",
    "0%",
  ]);
});

test("joins numbered names only where they count up", () => {
  expect(joinNames(["api-1", "api-2", "api-3"])).toBe("api-1..3");
  expect(joinNames(["api-1", "api-3"])).toBe("api-1, api-3");
  expect(joinNames(["api-1"])).toBe("api-1");
  expect(joinNames(["nginx", "grafana"])).toBe("nginx, grafana");
});

test("wraps at words", () => {
  expect(wrap("one two three", 9, 2)).toEqual(["  one two", "  three"]);
  expect(wrap("a-word-longer-than-the-line", 5)).toEqual(["a-word-longer-than-the-line"]);
});

test("paints, or does not, and never lets a file paint", () => {
  expect(colourful("red", "x")).toBe("\u001b[31mx\u001b[39m");
  expect(plain("red", "x")).toBe("x");
  expect(printable("a\u001b[31mb\tc\u009b")).toBe("a\\x1b[31mb\tc\\x9b");
});
