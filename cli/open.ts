import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { openPage, type Page } from "../operator/operate/open.ts";
import { openRunning } from "../operator/operate/running.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

/** Milliseconds between looks at the connection. */
const LOOK = 15_000;

export function openCommand(): Command {
  return onSite(new Command("open"))
    .argument("<page>", "grafana, prometheus, alertmanager or kibana")
    .description("an admin page of the host at an address of this machine, until Ctrl-C")
    .option("--json", "the address as JSON on stdout")
    .action(async (environment: EnvironmentKind, word: string, options: SiteOptions & { json?: boolean }) => {
      await withSite(
        environment,
        options,
        async ({ site, signal }) => {
          const page = await openPage(await openRunning(site), site, word);
          const { tunnel, ...rest } = page;
          console.log(options.json ? JSON.stringify(rest) : page.url);
          for (const line of about(page, environment)) console.error(line);
          if (!tunnel) return;
          console.error("The tunnel stays until Ctrl-C.");
          // Nothing else keeps us here; and a connection that is lost is told, not discovered in the browser.
          while (!signal.aborted) {
            await sleep(LOOK, undefined, { signal }).catch(() => undefined);
            if (!signal.aborted) await site.host.run("true", []);
          }
          await tunnel.close();
        },
        undefined,
        { endless: true },
      );
    });
}

function about({ name, user, password }: Page, environment: EnvironmentKind): string[] {
  if (!password) return [`${name} asks for no password.`];
  return [
    `${name}: ${user ? `user ${user}, ` : ""}password in the secret ${password}`,
    `To see it: plimsoll secrets show ${environment} ${password}`,
  ];
}
