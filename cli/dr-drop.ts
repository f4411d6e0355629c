import { Command } from "commander";
import { components } from "../generator/components/index.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { loadSpec } from "../generator/spec/load.ts";
import { readStackFolder } from "../generator/stack.ts";
import { Problem } from "../operator/problem.ts";
import { dropFollower } from "../operator/recovery/drop-follower.ts";
import { siteOf } from "../operator/site/open.ts";
import { remember } from "./hint.ts";
import { type HostOptions, openHost } from "./host-option.ts";
import { confirmName, operate } from "./operate.ts";
import { onSite } from "./site.ts";
import { stackFolder } from "./stacks.ts";

type Options = HostOptions & { stack?: string; confirm?: string };

export function dropCommand(): Command {
  return onSite(new Command("drop"))
    .description("takes away what `dr init` keeps warm: its container, its copy of the database, its folder")
    .option("--confirm <name>", "the stack's name, instead of being asked")
    .action(async (environment: EnvironmentKind, options: Options) => {
      remember(options);
      const folder = await stackFolder(options.stack);
      const spec = loadSpec((await readStackFolder(folder)).yaml, environment, components);
      const destination = options.host ?? spec.core.dr?.host;
      if (destination === undefined || destination === "local")
        throw new Problem("on which host?", "--host deploy@203.0.113.8: the one that follows", 2);
      await operate(
        async () => {
          await confirmName(
            `This removes the copy of the database on ${destination}. The site that writes is not touched.`,
            spec.core.name,
            options.confirm,
          );
          const host = await openHost(destination, options);
          try {
            const removed = await dropFollower(siteOf(spec, folder, host));
            if (removed === undefined)
              return console.error(`${host.name} follows nobody: there was nothing to remove.`);
            console.error(`Removed from ${host.name}: ${removed.join(", ")}, and its folder. Images stay.`);
            if (spec.core.dr?.follow)
              console.error(
                "stack.yaml still has dr.follow: take it out and deploy, or an alert says that the copy is silent.",
              );
          } finally {
            await host.close();
          }
        },
        async () => "Interrupted. Run it again to remove the rest.",
      );
    });
}
