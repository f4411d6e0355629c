import { Command, Option } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { attach } from "../operator/release/follow.ts";
import { look } from "../operator/release/look.ts";
import type { Images } from "../operator/up/images.ts";
import { type DeployOptions, deployWith, interruptedRelease, printEvent } from "./release-work.ts";
import { onSite, withSite } from "./site.ts";

type Options = DeployOptions & { attach?: boolean; images?: Images };

export function deployCommand(): Command {
  return onSite(new Command("deploy"))
    .description(
      "a new release in place of the current one: shown first, then server by server, no request lost",
    )
    .addOption(
      new Option("--images <kind>", "official or debian, from now on").choices(["official", "debian"]),
    )
    .option("--image <name>", "the application's image, where stack.yaml names one; from now on")
    .option("--send", "bring that image from this machine's engine, layer by layer: no registry is asked")
    .option("-m, --message <text>", "what is new, for the history; the commit's first line if absent")
    .option("--dry-run", "shows what would be done, and does nothing")
    .option("--rebalance", "share memory out anew instead of keeping what services have")
    .option("--force", "a release although nothing differs")
    .option("--attach", "follow the release that is being put in place")
    .option("-y, --yes", "without asking")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await withSite(
        environment,
        options,
        async (work) => {
          if (!options.attach) return deployWith(work, { ...options, kind: "deploy", share: 0 });
          const { work: running } = await look(work.site, "", work.signal);
          if (!running) return void console.error(`Nobody is at work on ${environment}.`);
          const end = await attach(work.site, running.version, { onEvent: printEvent, signal: work.signal });
          console.error(`${end.version} is current.`);
        },
        async () =>
          options.attach
            ? `No longer followed. It goes on on the host: plimsoll deploy ${environment} --attach`
            : interruptedRelease(environment),
      );
    });
}
