import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { openRecovery } from "../operator/recovery/open.ts";
import { readinessOf, readinessText } from "../operator/recovery/status.ts";
import { identityOf } from "./dr-identity.ts";
import { addStoreOptions, keysOf, repositoryOf, type StoreOptions } from "./dr-store.ts";
import { ExitError } from "./exit.ts";
import { operate } from "./operate.ts";
import { environmentArgument } from "./site.ts";

type Options = StoreOptions & { stack?: string; identity: string; bundle?: string; json?: boolean };

export function statusCommand(): Command {
  return addStoreOptions(environmentArgument(new Command("status")))
    .description("would activate work now, and how much would be lost? Asked of the bucket alone")
    .requiredOption("--identity <file>", "the recovery key, as `plimsoll dr key` wrote it")
    .option("--bundle <name>", "another bundle than the newest")
    .option("--json", "the same as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await operate(
        async () => {
          const { store, stack } = await repositoryOf(environment, options);
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
