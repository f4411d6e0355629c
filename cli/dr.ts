import { Command } from "commander";
import { makeKey, writeKey } from "../operator/recovery/key.ts";
import { activateCommand } from "./dr-activate.ts";
import { dropCommand } from "./dr-drop.ts";
import { failbackCommand } from "./dr-failback.ts";
import { initCommand } from "./dr-init.ts";
import { statusCommand } from "./dr-status.ts";

export function drCommand(): Command {
  return new Command("dr")
    .description("what brings a stack back on another host")
    .addCommand(keyCommand())
    .addCommand(initCommand())
    .addCommand(statusCommand())
    .addCommand(activateCommand())
    .addCommand(failbackCommand())
    .addCommand(dropCommand());
}

function keyCommand(): Command {
  return new Command("key")
    .description("makes the key that recovery bundles open with: the one thing that must be kept elsewhere")
    .option("--out <file>", "where it is written; never over a file that is there", "plimsoll-recovery.key")
    .option("--json", "the recipient and the file's path as JSON on stdout")
    .action(async ({ out, json }: { out: string; json?: boolean }) => {
      const key = await makeKey();
      await writeKey(out, key);
      console.error(keepText(out));
      if (json) console.log(JSON.stringify({ recipient: key.recipient, file: out }, null, 2));
      else console.log(`backup:\n  recipient: ${key.recipient}`);
    });
}

/** @param file as it was typed */
export function keepText(file: string): string {
  const width = 74;
  const line = (text = "") => `#  ${text.padEnd(width - 5)} #`;
  return [
    "#".repeat(width),
    line(),
    line("KEEP THIS FILE ELSEWHERE THAN ON THE HOST AND ON THIS LAPTOP:"),
    line(),
    line(`    ${file}`),
    line(),
    line("WITHOUT IT NO SECRET OF THE STACK AND NO ENCRYPTED BACKUP CAN BE READ"),
    line("ONCE THE HOST IS LOST. NOBODY CAN MAKE IT AGAIN."),
    line(),
    line("KEEP WITH IT THE WAY INTO THE BUCKET (backup.repository): ITS KEYS, OR"),
    line("THE ACCOUNT THAT CAN MAKE NEW ONES. THE BUNDLE ITSELF LIES IN THERE."),
    line(),
    line("A password manager and a print-out in a drawer are good places."),
    line("Never commit it."),
    line(),
    "#".repeat(width),
    "",
    "The line below goes into stack.yaml, which may be read by everybody; then deploy:",
  ].join("\n");
}
