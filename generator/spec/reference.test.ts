import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { components } from "../components/index.ts";
import { produce } from "../index.ts";
import { sourceOf } from "../testing/source.ts";
import { environmentNames } from "./core.ts";
import { reference } from "./reference.ts";
import { kindOf, wordsBelow } from "./reference-words.ts";
import { type JsonSchema, jsonSchema } from "./schema.ts";
import { Command, Duration, Size } from "./words.ts";

const schemaOf = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" }) as JsonSchema;

test.each([
  ["size", Size],
  ["false or duration", z.union([z.literal(false), Duration])],
  ["command", Command],
  ["whole number, 1 to 9", z.int().min(1).max(9)],
  ["number, 0 or more", z.number().min(0)],
  ["`a`, `b`", z.enum(["a", "b"])],
  ["list of size", z.array(Size)],
  ["map of size", z.record(z.string(), Size)],
  ["true or false", z.boolean()],
])("calls a word %s", (kind, schema) => {
  expect(kindOf(schemaOf(schema))).toBe(kind);
});

test("lists words with dots, their defaults, and the words below maps and lists", () => {
  const schema = z.strictObject({
    a: z.strictObject({ b: Size.prefault("1GB").describe("Bee | bumble") }).prefault({}),
    c: z.record(z.string(), z.strictObject({ d: z.boolean() })).describe("Cees"),
    e: z.array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("x"), f: z.string().describe("Eff") }),
        z.strictObject({ type: z.literal("y") }),
      ]),
    ),
  });
  expect(wordsBelow(schemaOf(schema), "").map((row) => row.join(" / "))).toEqual([
    "`a.b` / size / `1GB` / Bee \\| bumble",
    "`c` / map of map / required / Cees",
    "`c.NAME.d` / true or false / required / ",
    "`e` / list of map / required / ",
    "`e[].type` / `x`, `y` / required / ",
    "`e[].f` / text / required / Eff (type: x)",
  ]);
});

test("names every word of the schema", () => {
  const text = reference(jsonSchema(components), { shortest: "", whole: "" });
  const { environments: _, ...properties } = jsonSchema(components).properties as Record<string, JsonSchema>;
  for (const key of Object.keys(properties))
    expect(text).toMatch(new RegExp(`^(\\| \`${key}\`|## ${key}$)`, "m"));
});

test.each(["shortest", "shop"])("the example %s.yaml generates in every environment", (name) => {
  const source = sourceOf(readFileSync(`docs/examples/${name}.yaml`, "utf8"));
  for (const environment of environmentNames) {
    expect(Object.keys(produce(source, environment).plan.services)).toContain("api-1");
  }
});
