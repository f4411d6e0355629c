import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Plugin, quote, type Value, writePipeline } from "./lscl.ts";

/**
 * The rules of Logstash's own grammar (logstash-core/lib/logstash/compiler/lscl/lscl_grammar.treetop) that a pipeline
 * without conditions uses, in its order and with its greed: comments, whitespace, plugins, barewords, strings, numbers,
 * arrays, hashes. Strings keep their backslashes, as with config.support_escapes off.
 */
function parse(text: string): [section: string, plugins: [name: string, settings: [string, unknown][]][]][] {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    const sticky = new RegExp(pattern.source, "ys");
    sticky.lastIndex = at;
    const match = sticky.exec(text);
    if (match) at += match[0].length;
    return match?.[0];
  };
  const need = (pattern: RegExp): string => {
    const found = take(pattern);
    if (found === undefined) throw new Error(`expected ${pattern} at ${at}: ${text.slice(at, at + 40)}`);
    return found;
  };
  const space = () => take(/(?:[ \t\r\n]+|#[^\r\n]*\r?\n)*/);
  const string = () => (take(/"(?:\\"|[^"])*"/) ?? take(/'(?:\\'|[^'])*'/))?.slice(1, -1);
  const name = () => take(/[A-Za-z0-9_-]+/) ?? string() ?? need(/a name/);
  const value = (): unknown => {
    const bare = take(/[A-Za-z_][A-Za-z0-9_]+/);
    if (bare !== undefined) return { bare };
    const quoted = string();
    if (quoted !== undefined) return quoted;
    const number = take(/-?[0-9]+(?:\.[0-9]*)?/);
    if (number !== undefined) return Number(number);
    if (take(/\[/)) {
      const items: unknown[] = [];
      space();
      if (take(/\]/)) return items;
      do {
        space();
        items.push(value());
        space();
      } while (take(/,/));
      need(/\]/);
      return items;
    }
    need(/\{/);
    const entries: [string, unknown][] = [];
    space();
    while (!take(/\}/)) {
      const key = string() ?? need(/[A-Za-z_][A-Za-z0-9_]+|-?[0-9]+/);
      space();
      need(/=>/);
      space();
      entries.push([key, value()]);
      space();
    }
    return { entries };
  };
  const sections: ReturnType<typeof parse> = [];
  space();
  while (at < text.length) {
    const section = need(/input|filter|output/);
    space();
    need(/\{/);
    space();
    const plugins: [string, [string, unknown][]][] = [];
    while (!take(/\}/)) {
      const plugin = name();
      space();
      need(/\{/);
      space();
      const settings: [string, unknown][] = [];
      while (!take(/\}/)) {
        const key = name();
        space();
        need(/=>/);
        space();
        settings.push([key, value()]);
        space();
      }
      space();
      plugins.push([plugin, settings]);
    }
    space();
    sections.push([section, plugins]);
  }
  return sections;
}

/** What the grammar should read back for a value. */
function read(value: Value): unknown {
  if (typeof value === "boolean") return { bare: String(value) };
  if (value instanceof Map) return { entries: [...value].map(([key, inner]) => [key, read(inner)]) };
  if (Array.isArray(value)) return value.map(read);
  return value;
}

function holdable(text: string): boolean {
  return !(text.includes('"') && text.includes("'")) && !text.endsWith("\\") && !text.includes("${");
}

const nasty = fc
  .oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('"', "'", "\\", "{", "}", "#", "\n", "=>", "$", "%{x}", "[", "a") }),
  )
  .filter(holdable);
const values = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    nasty,
    fc.boolean(),
    fc.integer(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(nasty, tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
})).value;
const plugins = fc.array(
  fc.record({
    plugin: fc.stringMatching(/^[a-z][a-z0-9_]{1,8}$/),
    settings: fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_]{1,8}$/), values, { maxKeys: 4 }),
  }),
  { maxLength: 3 },
);

describe("a Logstash pipeline", () => {
  it("is read back by Logstash's grammar as what was meant, whatever the texts hold", () => {
    fc.assert(
      fc.property(plugins, plugins, plugins, (input, filter, output) => {
        const expected = (list: Plugin[]) =>
          list.map(({ plugin, settings }) => [
            plugin,
            Object.entries(settings).map(([key, value]) => [key, read(value)]),
          ]);
        expect(parse(writePipeline({ input, filter, output }))).toEqual([
          ["input", expected(input)],
          ["filter", expected(filter)],
          ["output", expected(output)],
        ]);
      }),
    );
  });

  it("names a variable for a secret and refuses one in a text", () => {
    const output = [{ plugin: "elasticsearch", settings: { password: { variable: "WRITER_PASSWORD" } } }];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Logstash's own spelling
    expect(writePipeline({ input: [], filter: [], output })).toContain('password => "${WRITER_PASSWORD}"');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Logstash's own spelling
    expect(() => quote("a ${WRITER_PASSWORD}")).toThrow("replace a variable");
  });

  it.each([`both " and '`, "ends with \\"])("refuses what the language cannot hold: %s", (text) => {
    expect(() => quote(text)).toThrow("no string of a Logstash pipeline can hold");
  });
});
