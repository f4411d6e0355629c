import { expect, test } from "vitest";
import { isAtLeast, parseVersion } from "./version.ts";

test.each([
  ["Docker Compose version 2.40.3-3", [2, 40, 3]],
  ["Docker Compose version v2.24.6-desktop.1", [2, 24, 6]],
  ["Docker Compose version 2.24.6+ds1-0ubuntu2", [2, 24, 6]],
  ["docker-compose version 1.29.2, build unknown", [1, 29, 2]],
  ["Docker Compose version v5.0.0", [5, 0, 0]],
  ["28.5.2+dfsg4", [28, 5, 2]],
  ["2.24", [2, 24, 0]],
])("reads %s", (text, version) => expect(parseVersion(text)).toEqual(version));

test("a text without a version has none", () =>
  expect(parseVersion("unknown command: docker compose")).toBeUndefined());

test.each([
  [[2, 24, 0], true],
  [[2, 24, 6], true],
  [[2, 23, 9], false],
  [[1, 29, 2], false],
  [[5, 0, 0], true],
] as const)("%j is at least 2.24: %s", (version, expected) =>
  expect(isAtLeast(version, [2, 24, 0])).toBe(expected),
);
