import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DatabaseEnv } from "./env.ts";
import { readMigrations, type Status } from "./migrations/files.ts";
import { down, status, up } from "./migrations/runner.ts";
import { EnvError, readEnv } from "./read-env.ts";

const USAGE = `usage: migrate up [--json]
       migrate status [--json] [--exit-code]   (with --exit-code: 3 where something is pending)
       migrate down [--steps N] [--json]`;

/** Prose goes to stderr, results to stdout. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 differs. */
async function main(): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [command, ...rest] = positionals;
  const steps = Number(values.steps);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (
    !command ||
    !["up", "status", "down"].includes(command) ||
    rest.length > 0 ||
    !(Number.isInteger(steps) && steps > 0)
  ) {
    console.error(USAGE);
    return 2;
  }
  const env = readEnv(DatabaseEnv);
  const files = await readMigrations(fileURLToPath(new URL("../migrations", import.meta.url)));
  if (command === "status") {
    const found = await status(env.DATABASE_URL, files);
    console.log(values.json ? JSON.stringify(found) : table(found));
    return values["exit-code"] && found.pending.length + found.changed.length > 0 ? 3 : 0;
  }
  const told = ({ version, name, milliseconds }: { version: string; name: string; milliseconds: number }) =>
    console.error(`${command} ${version}_${name} (${milliseconds} ms)`);
  const done =
    command === "up"
      ? await up(env.DATABASE_URL, files, told)
      : await down(env.DATABASE_URL, files, steps, told);
  if (done.length === 0) console.error("nothing to do");
  if (values.json) console.log(JSON.stringify({ [command]: done }));
  return 0;
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean" },
      "exit-code": { type: "boolean" },
      steps: { type: "string", default: "1" },
      help: { type: "boolean", short: "h" },
    },
  });
}

function table({ applied, pending, changed, unknown }: Status): string {
  return [
    ...applied.map(({ version, name, appliedAt }) => `applied  ${version}_${name}  ${appliedAt}`),
    ...pending.map(({ version, name }) => `pending  ${version}_${name}`),
    ...changed.map((name) => `changed  ${name}`),
    ...unknown.map((name) => `unknown  ${name}`),
  ].join("\n");
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message || String((error as { code?: string }).code ?? error));
  process.exitCode = error instanceof EnvError ? 2 : 1;
}
