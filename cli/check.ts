import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { components } from "../generator/components/index.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { loadSpec } from "../generator/spec/load.ts";
import { confirm, requireWords } from "../operator/checks/confirmations.ts";
import { makeContext } from "../operator/checks/context.ts";
import { items } from "../operator/checks/list.ts";
import { runItems, stops } from "../operator/checks/run.ts";
import { oneItem, selectItems } from "../operator/checks/select.ts";
import { checklistText, countsOf } from "../operator/checks/text.ts";
import { Problem } from "../operator/problem.ts";
import { siteOf } from "../operator/site/open.ts";
import { ExitError } from "./exit.ts";
import { openHost } from "./host-option.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";

type Options = SiteOptions & {
  only?: string[];
  confirm?: string;
  by?: string;
  note?: string;
  json?: boolean;
};

export function checkCommand(): Command {
  return onSite(new Command("check"))
    .description("the checklist: before a deploy, on the day and after it, and what was promised")
    .option("--only <items>", "ids, groups or lists: code.tests,host,targets", words)
    .option("--confirm <item>", "a person's word on an item, kept on the host")
    .option("--by <name>", "with --confirm: who says so")
    .option("--note <text>", "with --confirm: what they saw")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await withSite(
        environment,
        options,
        async (work) => {
          if (options.confirm !== undefined) return confirmOne(work, options.confirm, options);
          if (options.by !== undefined || options.note !== undefined)
            throw new Problem("--by and --note go with --confirm", "--confirm before.review --by ana", 2);
          await checkAll(work, options);
        },
        async () => "Interrupted. A checklist changes nothing.",
      );
    });
}

async function checkAll(work: Work, { only, json }: Options): Promise<void> {
  const chosen = selectItems(items, only);
  const context = makeContext({ ...work, stagingLoad: () => stagingLoad(work) });
  const results = await runItems(chosen, context, { signal: work.signal });
  if (json) {
    const { environment, host } = work.site;
    const report = { environment, host: host.name, at: new Date().toISOString(), counts: countsOf(results) };
    console.log(JSON.stringify({ ...report, passed: !results.some(stops), items: results }, null, 2));
  } else console.log(checklistText(results, paintFor(process.stdout)));
  if (results.some(stops)) throw new ExitError(1);
}

async function confirmOne({ site }: Work, id: string, { by, note, json }: Options): Promise<void> {
  const item = oneItem(items, id);
  if (by === undefined) throw new Problem("--confirm says no name", `--confirm ${id} --by ana`, 2);
  requireWords({ by, note });
  if (item.how === "automatic" && item.required)
    throw new Problem(
      `${id} is found out, not confirmed`,
      `plimsoll check ${site.environment} --only ${id}`,
      2,
    );
  const word = await confirm(site, item, { by, ...(note !== undefined && { note }) });
  if (json) return console.log(JSON.stringify({ item: id, ...word }, null, 2));
  const until = word.until ? `until ${word.until.slice(0, 10)}` : `for ${word.release}`;
  console.error(`${id} is confirmed by ${word.by}, ${until}.`);
}

/** A load is measured in staging: production's checklist reads it there. Over the same connection where that is its host. */
async function stagingLoad({ site, source }: Work): Promise<string | undefined> {
  if (site.environment !== "production") return undefined;
  const spec = loadSpec(source.yaml, "staging", components);
  const destination = spec.core.host;
  if (destination === undefined) return undefined;
  const host = destination === site.host.name ? site.host : await openHost(destination);
  try {
    return await host.read(join(siteOf(spec, source.folder, host).state, "checks/load.json"));
  } finally {
    if (host !== site.host) await host.close();
  }
}

function words(text: string): string[] {
  const list = text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  if (list.length === 0) throw new InvalidArgumentError("Expected some of: code.tests, host, targets.");
  return list;
}
