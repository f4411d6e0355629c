import { Argument, Command } from "commander";
import { produce } from "../generator/index.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { span } from "../operator/operate/ps-text.ts";
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import type { Change } from "../operator/settings/change.ts";
import { readChoices } from "../operator/settings/choices.ts";
import { readSecret, secretFiles } from "../operator/settings/secret-files.ts";
import {
  checkValue,
  findSecret,
  newValue,
  requireChangeable,
  type SecretRow,
  secretRows,
} from "../operator/settings/secrets.ts";
import { type ChangeOptions, makeChange } from "./change.ts";
import { onSite, type Work, withSite } from "./site.ts";
import { askSecret, readStdin } from "./stdin.ts";

type Options = ChangeOptions & { stdin?: boolean; stdout?: boolean };

export function secretsCommand(): Command {
  return onSite(new Command("secrets"))
    .addArgument(new Argument("<action>", "what to do").choices(["list", "set", "rotate", "show"]))
    .argument("[name]", "as the application knows it: SENTRY_DSN; or its file's name")
    .description("the stack's secrets; a change makes a release. A value is typed unseen or comes over stdin")
    .option("--stdin", "the value comes over stdin")
    .option("--stdout", "show it although stdout is no terminal")
    .option("-y, --yes", "without asking")
    .option("--json", "the result as JSON on stdout")
    .action(
      async (environment: EnvironmentKind, action: string, name: string | undefined, options: Options) => {
        await withSite(environment, options, async (work) => {
          const { plan } = produce(work.source, environment);
          const rows = secretRows(plan, work.spec);
          if (action === "list") return list(work, rows, options);
          if (name === undefined)
            throw new Problem("which secret?", `plimsoll secrets ${environment} ${action} NAME`, 2);
          const row = findSecret(rows, name);
          if (action === "show") return show(work, row, options);
          requireChangeable(row, action as "set" | "rotate", environment);
          const secret = plan.secrets.find((one) => one.name === row.name) as (typeof plan.secrets)[number];
          const value = action === "rotate" ? newValue(secret) : await askedValue(row, options);
          checkValue(plan, row, value);
          const change: Change = {
            kind: "secrets",
            choices: await readChoices(work.site),
            what: [`${row.variable ?? row.name} ${action === "rotate" ? "rotated" : "set"}`],
            secrets: new Map([[row.name, value]]),
          };
          await makeChange(work, change, options);
        });
      },
    );
}

async function askedValue(row: SecretRow, { stdin }: Options): Promise<string> {
  return stdin ? readStdin() : askSecret(`The value of ${row.variable ?? row.name}`);
}

async function list({ site }: Work, rows: readonly SecretRow[], { json }: Options): Promise<void> {
  const files = await secretFiles(site);
  const shown = rows.map((row) => ({
    ...row,
    age: files.get(row.name)?.age ?? null,
    empty: files.get(row.name)?.empty ?? null,
  }));
  if (json) return console.log(JSON.stringify(shown, null, 2));
  const width = Math.max(...shown.map(({ name, variable }) => (variable ?? name).length));
  for (const { name, variable, kind, age, empty, readers } of shown) {
    const state = age === null ? "not made yet" : `${span(age)} old${empty ? ", EMPTY" : ""}`;
    console.log(
      `${(variable ?? name).padEnd(width)}  ${kind.padEnd(8)}  ${state.padEnd(12)}  ${readers.join(", ")}`,
    );
  }
}

async function show({ site }: Work, row: SecretRow, { stdout }: Options): Promise<void> {
  if (!process.stdout.isTTY && !stdout) {
    throw new Problem(
      "stdout is no terminal: the value would end in a file or a log",
      "If that is what you want: --stdout",
      2,
    );
  }
  const value = await audited(site, { command: "secrets show", what: row.variable ?? row.name }, () =>
    readSecret(site, row.name),
  );
  process.stdout.write(value.endsWith("\n") ? value : `${value}\n`);
}
