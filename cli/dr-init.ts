import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { Problem } from "../operator/problem.ts";
import { keepWarm } from "../operator/recovery/keep-warm.ts";
import { openRecovery } from "../operator/recovery/open.ts";
import { siteOf } from "../operator/site/open.ts";
import { openReady } from "./dr-host.ts";
import { identityOf } from "./dr-identity.ts";
import { addStoreOptions, keysOf, repositoryOf, type StoreOptions } from "./dr-store.ts";
import { remember } from "./hint.ts";
import type { HostOptions } from "./host-option.ts";
import { operate } from "./operate.ts";
import { printEvent } from "./release-work.ts";
import { onSite } from "./site.ts";

type Options = HostOptions &
  StoreOptions & { stack?: string; identity: string; bundle?: string; anew?: boolean; json?: boolean };

export function initCommand(): Command {
  return addStoreOptions(onSite(new Command("init")))
    .description(
      "keeps a copy of the database warm on another host (dr.follow): run it again for a new release",
    )
    .requiredOption("--identity <file>", "the recovery key, as `plimsoll dr key` wrote it")
    .option("--bundle <name>", "another bundle than the newest")
    .option("--anew", "the copy that is there is thrown away, and made anew from the newest backup")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      remember(options);
      await operate(
        (signal) => run(environment, options, signal),
        async () =>
          "Interrupted here. What was begun on the host goes on. Run this again: it goes on from there.",
      );
    });
}

async function run(environment: EnvironmentKind, options: Options, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const say = (line: string) => console.error(line);
  const { store, stack, dr } = await repositoryOf(environment, options);
  const { identity } = await identityOf(options.identity);
  const keys = await keysOf(store);
  const found = await openRecovery({ store, keys, identity, environment, stack, name: options.bundle });
  const { bundle, plan, catalog, firstHost } = found;
  const words = found.dr ?? dr;
  const mode = words?.follow;
  if (mode === undefined)
    throw new Problem(
      `the stack.yaml of ${bundle.meta.release}, which ${bundle.name} is of, has no dr.follow: nothing is to be kept warm`,
      "Write how it follows, and deploy: dr: { host: deploy@203.0.113.8, follow: repository }",
      2,
    );
  const destination = options.host ?? dr?.host ?? words?.host;
  if (destination === undefined || destination === "local")
    throw new Problem("on which host?", "--host deploy@203.0.113.8: an empty Debian or Ubuntu", 2);
  say(`${bundle.meta.stack} ${environment}, release ${bundle.meta.release}, from ${bundle.name}`);
  say(`the site that writes: ${firstHost ?? "not known"}; ${destination} follows it (${mode})`);
  const host = await openReady(destination, options, plan, say, signal);
  try {
    const { name, project, domain } = plan;
    const site = siteOf({ environment, core: { name, project, domain } }, "", host);
    const warmed = await keepWarm({
      ...{ site, bundle, plan, catalog, mode, firstHost, store, keys, say, signal },
      port: words?.port ?? 6432,
      door: found.dr,
      anew: options.anew === true,
      onEvent: printEvent,
    });
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    if (options.json) console.log(JSON.stringify({ ...warmed, mode, seconds }, null, 2));
    else {
      console.error(
        `\n${host.name} follows, after ${seconds} s. It serves nobody until: plimsoll dr activate ${environment}`,
      );
      console.error(
        `After a new release: plimsoll dr init ${environment} again. How far it is: plimsoll dr status ${environment}`,
      );
    }
  } finally {
    await host.close();
  }
}
