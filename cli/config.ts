import { Argument, Command } from "commander";
import { printable } from "../generator/report/paint.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { Problem } from "../operator/problem.ts";
import { readChoices } from "../operator/settings/choices.ts";
import { configRow, configRows, parseSettings, setConfig, unsetConfig } from "../operator/settings/config.ts";
import { type ChangeOptions, makeChange } from "./change.ts";
import { onSite, withSite } from "./site.ts";

const NEEDS: Record<string, string> = { get: "LOG_LEVEL", set: "LOG_LEVEL=debug", unset: "LOG_LEVEL" };

export function configCommand(): Command {
  return onSite(new Command("config"))
    .addArgument(new Argument("<action>", "what to do").choices(["list", "get", "set", "unset"]))
    .argument("[words...]", "NAME=value for set, NAME for the others")
    .description(
      "the application's plain environment; a change makes a release. What is secret: plimsoll secrets",
    )
    .option("-y, --yes", "without asking")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, action: string, words: string[], options: ChangeOptions) => {
      await withSite(environment, options, async (work) => {
        const { site, source, spec } = work;
        if (action !== "list" && words.length === 0) {
          throw new Problem(
            `${action} what?`,
            `plimsoll config ${environment} ${action} ${NEEDS[action]}`,
            2,
          );
        }
        // Faults of what was typed before anything is asked.
        const settings = action === "set" ? parseSettings(words) : {};
        const said = await readChoices(site);
        if (action === "set") return makeChange(work, setConfig(source, spec, said, settings), options);
        if (action === "unset") return makeChange(work, unsetConfig(source, spec, said, words), options);
        const rows = configRows(source, spec, said);
        const shown = action === "get" ? words.map((name) => configRow(rows, name)) : rows;
        if (options.json) return console.log(JSON.stringify(shown, null, 2));
        for (const { name, value, from } of shown) {
          const note = from === "command" && action === "list" ? "   (set by command)" : "";
          console.log(action === "get" && shown.length === 1 ? value : `${name}=${printable(value)}${note}`);
        }
      });
    });
}
