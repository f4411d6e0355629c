import { expect, it } from "vitest";
import { Duration, GiB, InnerPath, MiB, Schedule, Share, Size, UrlPath } from "./words.ts";

it.each([
  ["512MB", 512 * MiB],
  ["512 MB", 512 * MiB],
  ["1.5GB", 1.5 * GiB],
  ["1GiB", GiB],
  ["512m", 512 * MiB],
  ["4gb", 4 * GiB],
  ["100B", 100],
])("reads the size %s", (text, bytes) => expect(Size.parse(text)).toBe(bytes));

it.each([
  ["500ms", 0.5],
  ["30s", 30],
  ["10m", 600],
  ["1.5h", 5400],
  ["30d", 2_592_000],
  ["2w", 1_209_600],
])("reads the duration %s", (text, seconds) => expect(Duration.parse(text)).toBe(seconds));

it.each([
  ["10%", 0.1],
  ["99.9%", 0.999],
  ["100%", 1],
])("reads the share %s", (text, share) => expect(Share.parse(text)).toBe(share));

it.each(["30 3 * * *", "*/5 * * * 1-5", "0 0 1,15 * 7"])("reads the schedule %s", (text) => {
  expect(Schedule.parse(text)).toBe(text);
});
it.each(["* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "@daily", "a * * * *"])(
  "refuses the schedule %s",
  (text) => expect(Schedule.safeParse(text).success).toBe(false),
);

it.each(["/", "/health", "/api/v1/", "/a.b/c~d"])("takes the path %s", (text) =>
  expect(UrlPath.parse(text)).toBe(text),
);
it.each(["", "health", "//", "/a//b", "/.git", "/a?b", "/a b"])("refuses the path %s", (text) => {
  expect(UrlPath.safeParse(text).success).toBe(false);
});

it.each([
  ["./api", "api"],
  ["api/", "api"],
  [".", "."],
  ["./", "."],
  ["a/b.c", "a/b.c"],
])("takes the folder %s", (text, folder) => expect(InnerPath.parse(text)).toBe(folder));
it.each(["", "..", "/etc", "a/../b", "a//b", ".git", "a b"])("refuses the folder %s", (text) => {
  expect(InnerPath.safeParse(text).success).toBe(false);
});

it("is quick to refuse what is long and wrong", () => {
  const began = performance.now();
  UrlPath.safeParse(`/${"a".repeat(100)}!`);
  InnerPath.safeParse(`${"a".repeat(100)}!`);
  expect(performance.now() - began).toBeLessThan(1000);
});
