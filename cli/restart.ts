import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { planRestart, restart } from "../operator/operate/restart.ts";
import { openRunning } from "../operator/operate/running.ts";
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import { confirmYes } from "./confirm.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

type Options = SiteOptions & { yes?: boolean; json?: boolean };

export function restartCommand(): Command {
  return onSite(new Command("restart"))
    .argument("[services...]", "api for its servers, or any service; the whole application if absent")
    .description("servers one at a time, without a request lost; what costs something only after asking")
    .option("-y, --yes", "without asking")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, services: string[], options: Options) => {
      await withSite(environment, options, async ({ site }) => {
        const running = await openRunning(site);
        const restarts = planRestart(running.project.plan, services);
        requireUnlocked((await readLock(site)).lock, environment);
        const costly = restarts.filter(({ costs }) => costs !== undefined);
        if (costly.length > 0 && !options.yes) {
          const words = costly.map(({ service, costs }) => `  ${service}: ${costs}`).join("\n");
          if (!(await confirmYes(`This costs something:\n${words}\nRestart?`))) {
            throw new Problem(`nothing was restarted:\n${words}`, "If that is what you want: --yes", 2);
          }
        }
        const names = restarts.map(({ service }) => service);
        await audited(site, { command: "restart", what: names.join(", ") }, () =>
          restart(running, restarts, (line) => console.error(words(line))),
        );
        if (options.json) console.log(JSON.stringify({ restarted: names }, null, 2));
      });
    });
}

function words(line: string): string {
  const [name, what, ...rest] = line.split(" ");
  if (what === "begin") return `     ${name}  restarting`;
  if (what === "done") return `ok   ${name}  restarted in ${rest[0]} s`;
  return what === "note" ? `     ${name}  ${rest.join(" ")}` : line;
}
