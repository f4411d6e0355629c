import { Command, InvalidArgumentError } from "commander";
import { printable } from "../generator/report/paint.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { type AuditEntry, readAudit } from "../operator/settings/audit.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function auditCommand(): Command {
  return onSite(new Command("audit"))
    .description("who changed what, when, and how it ended")
    .option("-n, --lines <count>", "so many of the latest", count, 50)
    .option("--json", "the entries as JSON on stdout")
    .action(
      async (environment: EnvironmentKind, options: SiteOptions & { lines: number; json?: boolean }) => {
        await withSite(environment, options, async ({ site }) => {
          const entries = await readAudit(site, options.lines);
          if (options.json) return console.log(JSON.stringify(entries, null, 2));
          for (const entry of entries) console.log(line(entry));
          if (entries.length === 0) console.error("Nothing was changed yet.");
        });
      },
    );
}

function line({ at, by, command, release, what, outcome }: AuditEntry): string {
  const text = `${at.slice(0, 19)}Z  ${by}  ${command}${release ? ` ${release}` : ""}  ${what}  ${outcome}`;
  const failed = /^(failed|rolled-back)$/.test(outcome);
  return failed ? paintFor(process.stdout)("red", printable(text)) : printable(text);
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError("Expected a number of lines.");
  return value;
}
