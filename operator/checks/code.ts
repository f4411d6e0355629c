/** Code: tests, coverage, lint, types, and what must not be in it. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CheckContext } from "./context.ts";
import { imageSecrets } from "./image.ts";
import { automatic, failed, type Item, passed, person, unavailable, type Verdict } from "./item.ts";
import { secretsInSources } from "./secrets-in-sources.ts";
import { looseJson, sourceText } from "./sources.ts";

const NO_SOURCES = unavailable(
  "stack.yaml names an image and no sources",
  "Say where they are: api.checks.folder: ./api",
);

/** The end of what a command said, on one line. */
function lastWords(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter(Boolean).at(-1)?.slice(0, 160) ?? "it said nothing";
}

export function applicationCommand(
  context: CheckContext,
  which: "test" | "lint",
  signal: AbortSignal,
): Promise<Verdict> {
  return context.once(`command ${which}`, async () => {
    const { folder, api } = context;
    if (folder === undefined) return NO_SOURCES;
    const given = api.checks[which];
    // A line is the user's own, read by a shell as npm reads its scripts.
    const [command, ...args] = typeof given === "string" ? ["sh", "-c", given] : given;
    const shown = [given].flat().join(" ");
    const began = performance.now();
    const { exitCode, stdout, stderr } = await context.run(command as string, args, { cwd: folder, signal });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    if (exitCode === 0) return passed(`${shown} passed in ${seconds} s`);
    const missing = await stat(join(folder, "node_modules")).then(
      () => false,
      () => true,
    );
    return failed(
      `${shown} ended with ${exitCode} after ${seconds} s: ${lastWords(stderr || stdout)}`,
      missing ? `cd ${folder} && npm ci` : `cd ${folder} && ${shown}`,
    );
  });
}

const Coverage = z.object({ total: z.object({ lines: z.object({ pct: z.number() }) }) });

async function coverage({ folder, api }: CheckContext): Promise<Verdict> {
  if (folder === undefined) return NO_SOURCES;
  const file = join(folder, "coverage/coverage-summary.json");
  const text = await readFile(file, "utf8").catch(() => undefined);
  const make = `cd ${folder} && npx vitest run --coverage --coverage.reporter=json-summary   (jest: --coverageReporters=json-summary)`;
  if (text === undefined) return unavailable("no coverage/coverage-summary.json", make);
  const { pct } = Coverage.parse(JSON.parse(text)).total.lines;
  const wanted = api.checks.coverage * 100;
  const said = `${pct}% of the lines, ${wanted}% wanted`;
  return pct >= wanted ? passed(said) : failed(said, make);
}

const TsConfig = z.looseObject({
  extends: z.union([z.string(), z.array(z.string())]).optional(),
  compilerOptions: z.looseObject({ strict: z.boolean().optional() }).optional(),
});

async function strictTypes({ folder }: CheckContext): Promise<Verdict> {
  if (folder === undefined) return NO_SOURCES;
  let file = join(folder, "tsconfig.json");
  for (let depth = 0; depth < 5; depth++) {
    const text = await sourceText(file);
    if (text === undefined) {
      return depth === 0
        ? unavailable("no tsconfig.json: the sources are no TypeScript")
        : unavailable(`${file} cannot be read`);
    }
    const { compilerOptions, extends: from } = TsConfig.parse(looseJson(text));
    if (compilerOptions?.strict === true) return passed("tsconfig.json says strict");
    const next = [from ?? []].flat().at(-1);
    if (compilerOptions?.strict === false || next === undefined) break;
    file = next.startsWith(".") ? join(file, "..", next) : join(folder, "node_modules", next);
    if (!file.endsWith(".json")) file += next.startsWith(".") ? ".json" : "/tsconfig.json";
  }
  return failed("tsconfig.json does not say strict", '"compilerOptions": { "strict": true }');
}

export const code: Item[] = [
  automatic({
    id: "code.tests",
    title: "All tests pass",
    timeout: 900,
    run: (context, signal) => applicationCommand(context, "test", signal),
  }),
  automatic({ id: "code.coverage", title: "Coverage above 80%", required: false, run: coverage }),
  person({
    id: "code.console",
    title: "No console errors or warnings",
    hint: "open the front end with the browser's console, and go through its pages",
  }),
  automatic({
    id: "code.lint",
    title: "ESLint passes",
    timeout: 300,
    run: (context, signal) => applicationCommand(context, "lint", signal),
  }),
  automatic({ id: "code.types", title: "TypeScript strict", required: false, run: strictTypes }),
  automatic({ id: "code.secrets", title: "No hard-coded secrets", timeout: 120, run: secretsInSources }),
  automatic({ id: "code.image", title: "No secrets in the image", timeout: 180, run: imageSecrets }),
];
