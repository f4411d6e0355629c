import { Command } from "commander";
import { lineOf, RUNBOOKS, runbooks } from "../generator/report/runbooks.ts";
import { nearest } from "../generator/spec/nearest.ts";
import { ExitError } from "./exit.ts";

export function runbookCommand(): Command {
  return new Command("runbook")
    .description(
      "what to do about an alert; asks neither the host nor a network. All alerts, if none is named",
    )
    .argument("[alert]", "its name, as the notification has it: PostgresNoPrimary")
    .option("--json", "the result as JSON on stdout")
    .action((alert: string | undefined, { json }: { json?: boolean }) => {
      const all = runbooks();
      if (alert === undefined) {
        const list = all.map((one) => ({ alert: one.alert, means: lineOf(one, "Means") ?? "" }));
        const width = Math.max(...list.map(({ alert }) => alert.length));
        if (json) console.log(JSON.stringify(list, null, 2));
        else for (const one of list) console.log(`${one.alert.padEnd(width)}  ${one.means}`);
        return;
      }
      const found = all.find((one) => one.alert.toLowerCase() === alert.toLowerCase());
      if (!found) {
        const near = nearest(
          alert,
          all.map((one) => one.alert),
        );
        console.error(`${alert}: no alert of plimsoll's${near ? `; did you mean ${near}?` : ""}`);
        console.error("plimsoll runbook lists them all.");
        throw new ExitError(2);
      }
      if (json) console.log(JSON.stringify(found, null, 2));
      else {
        console.log(found.text);
        console.error(`\n${RUNBOOKS}/${found.page} has its neighbours.`);
      }
    });
}
