import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { quote, quoteAll } from "./quote.ts";

/** All that shells read as something else, and any character. */
const word = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        "\\",
        "$",
        "`",
        "\n",
        "\r",
        "\t",
        " ",
        "!",
        "*",
        "?",
        "~",
        "#",
        ";",
        "&",
        "|",
      ),
      fc.constantFrom(
        "$(id)",
        "`id`",
        "$HOME",
        "\u0001",
        "\u007f",
        "é",
        "😀",
        "-",
        "--",
        "=",
        "{a,b}",
        "[a]",
      ),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join("").replaceAll("\0", ""));

test.each(["bash", "sh"])("%s gives back every word as it was", (shell) => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
      // A word for the end: without arguments printf would print its format once.
      const script = `printf '%s\\0' ${quoteAll(words)}`;
      const printed = execFileSync(shell, ["-c", script], { encoding: "utf8" });
      expect(printed.split("\0").slice(0, -1)).toEqual(words);
    }),
    { numRuns: 60 },
  );
});

test("quoted twice, it goes through two shells", () => {
  fc.assert(
    fc.property(word, (text) => {
      const script = `sh -c ${quote(`printf '%s\\0' ${quote(text)}`)}`;
      expect(execFileSync("bash", ["-c", script], { encoding: "utf8" })).toBe(`${text}\0`);
    }),
    { numRuns: 60 },
  );
});

test("a NUL is refused", () => expect(() => quote("a\0b")).toThrow("NUL"));
