import { execFile, spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { quote } from "./quote.ts";
import { afterMark, beginning, commandLine, framed, LOAD, lineSplitter, settings } from "./ssh-shell.ts";

/** As sshd does it: the user's login shell with -c. */
function over(
  shell: string,
  input: Buffer | string,
): Promise<{ code: number; stdout: Buffer; stderr: Buffer }> {
  return new Promise((resolve) => {
    const child = execFile(shell, ["-c", LOAD], { encoding: "buffer" }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

const shells = ["sh", "bash", "zsh", "fish", "tcsh"].filter(
  (shell) => spawnSync(shell, ["-c", "true"]).status === 0,
);

test.each(shells)("%s starts bash, which reads its script and leaves the input", async (shell) => {
  const { code, stdout } = await over(shell, `${framed(`cat; printf '|%s' "$BASH_VERSION"; exit 7`)}in\nput`);
  expect(stdout.toString()).toMatch(/^in\nput\|5\./);
  expect(code).toBe(7);
});

test("every byte of the script and of the input arrives, and none is taken for the other", async () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary" }),
    fc.constant("\u0001\u007f\\\r"),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.uint8Array(), async (raw, input) => {
      const word = Buffer.from(raw.replaceAll("\0", "")).toString();
      const script = `printf '%s\\0' ${quote(word)}; cat`;
      const { stdout } = await over("sh", Buffer.concat([Buffer.from(framed(script)), input]));
      expect(stdout.equals(Buffer.concat([Buffer.from(`${word}\0`), input]))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a script of a megabyte is no command line", async () => {
  const script = `: ${"x".repeat(1_000_000)}\necho whole`;
  expect((await over("sh", framed(script))).stdout.toString()).toBe("whole\n");
});

test("half a script is not run", async () => {
  const whole = framed("echo one\necho two");
  expect((await over("sh", whole.slice(0, -4))).stdout.toString()).toBe("");
});

test("a command has its folder, its variables, and a code where a signal ends it", async () => {
  const script = (words: string[]) =>
    [
      ...settings({ cwd: "/usr", environment: { A: "it's $HOME" } }),
      commandLine("sh", ["-c", ...words]),
    ].join("\n");
  const said = await over("sh", framed(script(['printf "%s|" "$PWD" "$A" "$1"', "sh", "a'\nb"])));
  expect(said.stdout.toString()).toBe("/usr|it's $HOME|a'\nb|");
  expect((await over("sh", framed(script(["kill -9 $$"])))).code).toBe(137);
  expect(() => settings({ environment: { "A;id": "" } })).toThrow("no variable's name");
});

test("what comes before the mark is noise; the group stands on its line", async () => {
  const { stdout, stderr } = await over("sh", framed(`${beginning("mark-1")}\necho out; echo err >&2`));
  for (const cut of [1, 3, 1_000]) {
    const parts: Buffer[] = [];
    const output = afterMark("mark-1", (bytes) => parts.push(bytes));
    const noisy = Buffer.concat([Buffer.from("Welcome!\nmark-0 and no end "), stderr]);
    for (let at = 0; at < noisy.length; at += cut) output.take(noisy.subarray(at, at + cut));
    expect(Buffer.concat(parts).toString()).toBe("err\n");
    expect(output.noise()).toBe("Welcome!\nmark-0 and no end ");
    expect(output.rest()).toMatch(/^\d+$/);
  }
  expect(stdout.toString()).toBe("mark-1\nout\n");
});

test("lines are whole, whatever the pieces, and the last needs no end", () => {
  const lines: string[] = [];
  const splitter = lineSplitter((line) => lines.push(line));
  for (const byte of Buffer.from("é\r\n\nlast")) splitter.take(Buffer.from([byte]));
  splitter.end();
  expect(lines).toEqual(["é", "", "last"]);
});
