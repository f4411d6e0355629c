import { Command } from "commander";
import { parse } from "yaml";
import { components } from "../generator/components/index.ts";
import { produce } from "../generator/index.ts";
import { render } from "../generator/render/render.ts";
import { explain } from "../generator/report/explain/explain.ts";
import { explainText } from "../generator/report/explain/text.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { nearest } from "../generator/spec/nearest.ts";
import { readStackFolder } from "../generator/stack.ts";
import { ExitError } from "./exit.ts";
import { paintFor, widthOf } from "./screen.ts";
import { environmentOption, stackFolder } from "./stacks.ts";

type Options = { environment: EnvironmentKind; json?: boolean };

export function explainCommand(): Command {
  return new Command("explain")
    .description("where each setting of a service came from")
    .argument("<service>", "its name in compose.yaml, such as api-1")
    .argument("[stack]", "a stack's name below stacks/, or its folder")
    .addOption(environmentOption().default("production"))
    .option("--json", "the result as JSON on stdout")
    .action(async (service: string, stack: string | undefined, { environment, json }: Options) => {
      const source = await readStackFolder(await stackFolder(stack));
      const { spec, plan, files } = produce(source, environment);
      const names = Object.keys(plan.services);
      if (!names.includes(service)) {
        const near = nearest(service, names);
        console.error(
          `${service}: no service of ${plan.name} in ${environment}${near ? `; did you mean ${near}?` : ""}`,
        );
        console.error(`Services: ${names.join(", ")}.`);
        throw new ExitError(2);
      }
      const serviceIn = (texts: readonly { path: string; text: string }[]) =>
        parse(texts.find(({ path }) => path === "compose.yaml")?.text ?? "").services[service];
      const compose = { rendered: serviceIn(render(plan, source.pins)), final: serviceIn(files) };
      const found = explain({ source, spec, plan, components, service }, compose);
      if (json) console.log(JSON.stringify(found, null, 2));
      else {
        const screen = { width: widthOf(process.stdout), paint: paintFor(process.stdout) };
        process.stdout.write(explainText(found, screen));
      }
    });
}
