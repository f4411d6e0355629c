import { afterEach, expect, it } from "vitest";
import { asTyped, remember } from "./hint.ts";

afterEach(() => remember({}));

it("leaves a command as it is where nothing was typed", () => {
  remember({});
  expect(asTyped("Follow it: plimsoll deploy production --attach")).toBe(
    "Follow it: plimsoll deploy production --attach",
  );
});

it.each([
  ["plimsoll deploy production --attach", "plimsoll deploy --stack tally --host me@h production --attach"],
  ["plimsoll canary status production", "plimsoll canary --stack tally --host me@h status production"],
  [
    "a\nplimsoll secrets staging set A, plimsoll ps staging",
    "a\nplimsoll secrets --stack tally --host me@h staging set A, plimsoll ps --stack tally --host me@h staging",
  ],
  ["plimsoll host init root@h", "plimsoll host init root@h"],
])("puts the words that were typed into %j", (text, expected) => {
  remember({ stack: "tally", host: "me@h" });
  expect(asTyped(text)).toBe(expected);
});
