import { Command } from "commander";
import { bytes } from "../generator/report/units.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { Problem } from "../operator/problem.ts";
import { type ListedBundle, listBundles } from "../operator/recovery/bundle.ts";
import { openRecovery } from "../operator/recovery/open.ts";
import { readinessOf, readinessText } from "../operator/recovery/status.ts";
import { identityOf } from "./dr-identity.ts";
import { addStoreOptions, keysOf, repositoryOf, type StoreOptions } from "./dr-store.ts";
import { ExitError } from "./exit.ts";
import { operate } from "./operate.ts";
import { environmentArgument } from "./site.ts";

type Options = StoreOptions & {
  stack?: string;
  identity?: string;
  bundle?: string;
  bundles?: boolean;
  json?: boolean;
};

export function statusCommand(): Command {
  return addStoreOptions(environmentArgument(new Command("status")))
    .description("would activate work now, and how much would be lost? Asked of the bucket alone")
    .option("--identity <file>", "the recovery key, as `plimsoll dr key` wrote it")
    .option("--bundle <name>", "another bundle than the newest")
    .option("--bundles", "the bundles that there are instead, the newest first; without the recovery key")
    .option("--json", "the same as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await operate(
        async () => {
          const { store, stack } = await repositoryOf(environment, options);
          if (options.bundles) return list(await listBundles(store, await keysOf(store)), options);
          if (options.identity === undefined)
            throw new Problem(
              "the recovery key is needed",
              "--identity FILE, as `plimsoll dr key` wrote it",
              2,
            );
          const { identity } = await identityOf(options.identity);
          const keys = await keysOf(store);
          const found = await openRecovery({
            store,
            keys,
            identity,
            environment,
            stack,
            name: options.bundle,
          });
          const readiness = readinessOf(found, Date.now() / 1000);
          if (options.json) console.log(JSON.stringify(readiness, null, 2));
          else for (const line of readinessText(readiness)) console.log(line);
          if (readiness.faults.length > 0) throw new ExitError(1);
        },
        async () => "Interrupted.",
      );
    });
}

function list(bundles: readonly ListedBundle[], { json }: Options): void {
  if (json) {
    console.log(JSON.stringify(bundles, null, 2));
    return;
  }
  for (const { name, created, size } of bundles)
    console.log(`${name}  ${new Date(created * 1000).toISOString()}  ${bytes(size)}`);
  if (bundles.length === 0)
    console.error("There is none: bundles are made by deploys where backup.recipient is set.");
}
