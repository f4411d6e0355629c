import { Argument, Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { canaryStatus, decideCanary } from "../operator/release/canary.ts";
import { audited } from "../operator/settings/audit.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import { asTyped } from "./hint.ts";
import { type DeployOptions, deployWith } from "./release-work.ts";
import { onSite, withSite } from "./site.ts";

type Action = "start" | "status" | "promote" | "abort";

export function canaryCommand(): Command {
  return onSite(
    new Command("canary").addArgument(
      new Argument("<action>", "what to do").choices(["start", "status", "promote", "abort"]),
    ),
  )
    .description(
      "a new version on canary.share of the requests; judged on the host, promoted or rolled back by itself",
    )
    .option("--image <name>", "the application's image, where stack.yaml names one; from now on")
    .option("-m, --message <text>", "what is new, for the history")
    .option("-y, --yes", "without asking")
    .option("--json", "the result as JSON on stdout")
    .action(async (action: Action, environment: EnvironmentKind, options: DeployOptions) => {
      await withSite(
        environment,
        options,
        async (work) => {
          const { site, spec } = work;
          if (action === "start")
            return deployWith(work, { ...options, kind: "canary", share: spec.core.canary.share });
          if (action === "status") {
            const status = await canaryStatus(site);
            if (options.json) return console.log(JSON.stringify(status ?? null, null, 2));
            if (!status) return console.log(`no canary is at work on ${environment}`);
            console.log(`${status.version} by ${status.by} since ${status.since}`);
            for (const [name, value] of Object.entries(status.figures))
              console.log(`  ${name.padEnd(15)} ${value}`);
            return;
          }
          // Away from what is on trial is always allowed.
          if (action === "promote") requireUnlocked((await readLock(site)).lock, environment);
          const entry = { command: `canary ${action}`, what: `the canary is to ${action}` };
          const { version } = await audited(site, { ...entry, release: (status) => status.version }, () =>
            decideCanary(site, action),
          );
          console.error(asTyped(`${version}: ${action}. Follow it: plimsoll deploy ${environment} --attach`));
        },
        async () =>
          `Interrupted here. The watch goes on on the host and ends by itself.\nHow it does: plimsoll canary status ${environment}`,
      );
    });
}
