import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { components } from "../generator/components/index.ts";
import { schemaText } from "../generator/spec/schema.ts";

export function schemaCommand(): Command {
  return new Command("schema")
    .description("print the JSON Schema of stack.yaml, that editors complete and check with")
    .option("--out <file>", "write it to a file instead")
    .action(async ({ out }: { out?: string }) => {
      const text = schemaText(components);
      if (out === undefined) return void process.stdout.write(text);
      await writeFile(out, text);
      console.error(`${out}: written`);
    });
}
