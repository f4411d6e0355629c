import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { showRelease } from "../operator/release/history.ts";
import { eventLine } from "../operator/release/plan-text.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { versionArgument } from "./words.ts";

export function releaseCommand(): Command {
  return onSite(new Command("release"))
    .addArgument(versionArgument("<version>", "which: v12"))
    .description("one release: what it was, step by step, and what became of it")
    .option("--json", "the result as JSON on stdout")
    .action(
      async (environment: EnvironmentKind, version: string, options: SiteOptions & { json?: boolean }) => {
        await withSite(environment, options, async ({ site }) => {
          const shown = await showRelease(site, version);
          if (options.json) return console.log(JSON.stringify(shown, null, 2));
          const { kind, state, created, by, from, of, message, commit, dirty, changes, reason } = shown;
          const rows: [string, string | undefined][] = [
            ["state", state],
            ["kind", of ? `${kind}, back to ${of}` : kind],
            ["from", from ?? "nothing"],
            ["made", `${created} by ${by}`],
            ["commit", commit && `${commit}${dirty ? ", with changes that are not committed" : ""}`],
            ["message", message],
            ["changes", changes.join(", ")],
            ["reason", reason],
          ];
          console.log(version);
          for (const [name, value] of rows)
            if (value) console.log(`  ${name.padEnd(8)} ${value.replaceAll("\n", "\n           ")}`);
          for (const event of shown.events) {
            const line = eventLine(event);
            if (line) console.log(`  ${line.replaceAll("\n", "\n  ")}`);
          }
          if (shown.migrations) console.log(`\nmigrations\n  ${shown.migrations.replaceAll("\n", "\n  ")}`);
        });
      },
    );
}
