import { Command, InvalidArgumentError } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { askErrors, errorDetailOf, errorsOf } from "../operator/observe/errors.ts";
import type { ErrorsAsked } from "../operator/observe/errors-query.ts";
import { errorDetailText, errorsText } from "../operator/observe/errors-text.ts";
import { sinceFor } from "../operator/operate/logs/filter.ts";
import { Problem } from "../operator/problem.ts";
import { asTyped } from "./hint.ts";
import { paintFor, widthOf } from "./screen.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { whole } from "./words.ts";

type Options = SiteOptions & { since: string; service?: string; limit: number; json?: boolean };

export function errorsCommand(): Command {
  return onSite(new Command("errors"))
    .argument("[key]", "one group, by its key or the beginning of it: its course and its newest trace", keyOf)
    .description(
      "errors by what they are: how often, when first and last, in which releases; marked where they are new in what runs",
    )
    .option("--since <time>", "count from: 10m, 2h, 1d, or 2026-11-23T08:00:00Z", "24h")
    .option("-s, --service <name>", "only of this one: api-1, or api for all its servers", service)
    .option(
      "-n, --limit <groups>",
      "so many of the most frequent",
      whole(1, 500, "Expected a number of groups, up to 500."),
      20,
    )
    .option("--json", "the result as JSON on stdout")
    .action((environment: EnvironmentKind, key: string | undefined, options: Options) =>
      withSite(environment, options, async ({ site, spec, signal }) => {
        const now = Date.now();
        const since = sinceFor(options.since, now) as number;
        if (since * 1000 >= now)
          throw new Problem(
            `--since ${options.since} is not past`,
            "Expected 2h, 1d, or a time before now",
            2,
          );
        if (!spec.options.has("elk"))
          throw new Problem(
            `${environment} keeps no logs to be searched: stack.yaml says logging: false`,
            `Remove it, and deploy. Until then: plimsoll logs ${environment} --grep error`,
            2,
          );
        const { service, limit } = options;
        const asked: ErrorsAsked = { since, now: now / 1000, limit, service, key };
        const facts = await askErrors(site, asked, signal);
        const paint = paintFor(process.stdout);
        const width = widthOf(process.stdout);
        if (key !== undefined) {
          const found = errorDetailOf(facts, asked, environment);
          return console.log(
            options.json ? JSON.stringify(found, null, 2) : errorDetailText(found, asked.now, paint, width),
          );
        }
        const found = errorsOf(facts, asked);
        console.log(options.json ? JSON.stringify(found, null, 2) : errorsText(found, paint, width));
        if (found.groups[0] && !options.json)
          console.error(asTyped(`\nOne of them: plimsoll errors ${environment} ${found.groups[0].key}`));
      }),
    );
}

function keyOf(text: string): string {
  if (!/^[0-9a-f]{4,16}$/.test(text))
    throw new InvalidArgumentError("Expected a key as the list shows it, or at least 4 characters of it.");
  return text;
}

function service(text: string): string {
  if (!/^[a-z0-9][a-z0-9_.-]{0,99}$/.test(text))
    throw new InvalidArgumentError("Expected a service such as api or api-1.");
  return text;
}
