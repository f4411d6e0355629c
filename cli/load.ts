import { Command, InvalidArgumentError, Option } from "commander";
import type { Api } from "../generator/components/api/options.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { Duration } from "../generator/spec/words.ts";
import { load } from "../operator/load/load.ts";
import { requireSize } from "../operator/load/shape.ts";
import { urlOf } from "../operator/load/target.ts";
import { loadText } from "../operator/load/text.ts";
import { openRunning } from "../operator/operate/running.ts";
import { ExitError } from "./exit.ts";
import { confirmName } from "./operate.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { whole } from "./words.ts";

type Options = SiteOptions & {
  rate: number;
  for: number;
  connections: number;
  confirm?: string;
  json?: boolean;
};

export function loadCommand(): Command {
  return onSite(new Command("load"))
    .description(
      "a steady load on the environment's edge (api.load in stack.yaml says of what), judged against its objectives",
    )
    .addOption(
      new Option("--rate <number>", "requests a second, answered or not")
        .default(50)
        .argParser(whole(1, 10_000)),
    )
    .addOption(
      new Option("--for <duration>", "how long it counts, after 3 s of warming up")
        .default(60, "60s")
        .argParser(duration),
    )
    .addOption(
      new Option("--connections <number>", "how many requests may be under way at once")
        .default(100)
        .argParser(whole(1, 10_000)),
    )
    .option("--confirm <name>", "the stack's name: a load on production is meant")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      const { rate, connections } = options;
      const shape = { rate, seconds: options.for, warmUp: 3, connections, patience: 10 };
      await withSite(
        environment,
        options,
        async ({ site, spec, signal }) => {
          requireSize(shape);
          if (environment === "production") {
            const what = `${rate} requests a second go to the production of ${site.stack} for ${shape.seconds} s.`;
            await confirmName(what, site.stack, options.confirm);
          }
          const words = (spec.options.get("api") as Api | undefined)?.load;
          const found = await load(await openRunning(site), words, shape, {
            signal,
            onTarget: (target) =>
              console.error(
                `${rate} requests a second to ${urlOf(target)} as ${target.domain}, for ${shape.seconds} s after 3 s of warming up`,
              ),
            onProgress: (seconds, { requests, errors, limited }) =>
              console.error(
                `${seconds} s: ${requests} asked, ${errors} failed${limited ? `, ${limited} limited` : ""}`,
              ),
          });
          console.log(
            options.json ? JSON.stringify(found, null, 2) : loadText(found, paintFor(process.stdout)),
          );
          if (!found.report.passed) throw new ExitError(1);
        },
        async () => "Interrupted: no report was written, that of the last load stands.",
      );
    });
}

function duration(text: string): number {
  const parsed = Duration.safeParse(text);
  if (parsed.success && parsed.data >= 1 && parsed.data <= 3_600) return parsed.data;
  throw new InvalidArgumentError("Expected a duration from 1s to 1h, such as 60s.");
}
