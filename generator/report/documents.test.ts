import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { documents } from "./documents.ts";

const all = await documents();

test.each([...all.keys()])("%s is current (npm run docs refreshes it)", (path) => {
  expect(readFileSync(path, "utf8")).toBe(all.get(path));
});
