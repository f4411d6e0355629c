/** The whole of stack.yaml as one zod schema, put together from the core's words and each component's part. */
import { z } from "zod";
import { coreShape, environmentNames } from "./core.ts";

/** What the spec needs to know of a component: where its part lives and what it may hold. */
export type Section = { name: string; at: readonly string[]; options: z.ZodType; optional?: boolean };

export const SCHEMA_TITLE = "plimsoll stack.yaml";

/** An absent part means its defaults, unless it has words that only the user can give. */
function withDefault(options: z.ZodType): z.ZodType {
  if (options.safeParse(undefined).success) return options;
  // biome-ignore lint/suspicious/noExplicitAny: prefault's type wants the schema's own input
  return options.safeParse({}).success ? options.prefault({} as any) : options;
}

/** Whether a stack has the part without a word about it. */
export function isUsual({ options }: Section): boolean {
  const absent = withDefault(options).safeParse(undefined);
  return !absent.success || absent.data !== undefined;
}

function orFalse(schema: z.ZodType): z.ZodType {
  return z.union([z.literal(false), schema]);
}

/**
 * The words of one environment after merging. `forEditors` also takes `false` for optional parts: the loader removes
 * those before parsing, since a union would hide which word inside is wrong.
 */
export function stackSchema(sections: readonly Section[], { forEditors = false } = {}) {
  const shape: Record<string, z.ZodType> = { ...coreShape };
  const groups = new Map<string, Section[]>();
  for (const section of sections) {
    const [first, second] = section.at as [string, string?];
    if (second === undefined) shape[first] = part(section, forEditors);
    else groups.set(first, [...(groups.get(first) ?? []), section]);
  }
  for (const [group, members] of groups) {
    const inner = z.strictObject(
      Object.fromEntries(members.map((member) => [member.at[1] as string, part(member, forEditors)])),
    );
    const parts = members.map((member) => member.at[1]).join(", ");
    const whole = withDefault(inner).describe(`Its parts: ${parts}`);
    shape[group] =
      forEditors && members.every((member) => member.optional)
        ? orFalse(whole).describe(`Its parts: ${parts}; false leaves all of them out`)
        : whole;
  }
  return z.strictObject(shape);
}

function part(section: Section, forEditors: boolean): z.ZodType {
  const schema = withDefault(section.options);
  return forEditors && section.optional
    ? orFalse(schema).describe(section.options.description ?? "")
    : schema;
}

export type JsonSchema = { [key: string]: unknown };

/** The JSON Schema of stack.yaml (draft 2020-12) that editors complete and check with. */
export function jsonSchema(sections: readonly Section[]): JsonSchema {
  const whole = z.toJSONSchema(stackSchema(sections, { forEditors: true }), {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => showDefault(zodSchema, jsonSchema as JsonSchema),
  }) as JsonSchema;
  const properties = whole.properties as Record<string, JsonSchema>;
  const { name: _, ...overridable } = properties;
  return {
    $schema: whole.$schema,
    title: SCHEMA_TITLE,
    type: "object",
    properties: {
      ...properties,
      environments: {
        type: "object",
        description:
          "What an environment has of its own: merged over the rest, key by key; null removes a key",
        properties: Object.fromEntries(
          environmentNames.map((name) => [
            name,
            { anyOf: [{ $ref: "#/$defs/environment" }, { type: "null" }] },
          ]),
        ),
        additionalProperties: false,
      },
    },
    required: whole.required,
    additionalProperties: false,
    $defs: {
      environment: overriding({ type: "object", properties: overridable, additionalProperties: false }),
    },
  };
}

/** zod leaves out the default of a word that is transformed; where it is also what one would write, it is shown. */
function showDefault(schema: z.core.$ZodType, json: JsonSchema): void {
  if (!(schema instanceof z.ZodDefault) || json.default !== undefined) return;
  const value = schema.def.defaultValue;
  if (schema.safeParse(value).success) json.default = value;
}

/** An override may leave out anything. Union branches with required keys keep them: there they tell kinds apart. */
function overriding(schema: JsonSchema): JsonSchema {
  const { required: _, default: __, properties, ...rest } = schema;
  if (properties === undefined) return rest;
  const inner = Object.entries(properties as Record<string, JsonSchema>);
  return {
    ...rest,
    properties: Object.fromEntries(inner.map(([key, value]) => [key, orNull(overriding(value))])),
  };
}

/** `null` takes back what all environments share. */
function orNull(schema: JsonSchema): JsonSchema {
  if (Array.isArray(schema.anyOf)) return { ...schema, anyOf: [...schema.anyOf, { type: "null" }] };
  const { description, ...rest } = schema;
  return { ...(description !== undefined && { description }), anyOf: [rest, { type: "null" }] };
}

/** As it is committed and printed. */
export function schemaText(sections: readonly Section[]): string {
  return `${JSON.stringify(jsonSchema(sections), null, 2)}\n`;
}
