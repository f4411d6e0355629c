import { Command, InvalidArgumentError } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { grepFor, sinceFor } from "../operator/operate/logs/filter.ts";
import type { LogLine } from "../operator/operate/logs/lines.ts";
import { readLogs } from "../operator/operate/logs/read.ts";
import { renderLine } from "../operator/operate/logs/render.ts";
import { resolveServices, servicesOf } from "../operator/operate/names.ts";
import { openRunning } from "../operator/operate/running.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

type Options = SiteOptions & {
  follow?: boolean;
  service?: string[];
  since?: string;
  grep?: string;
  tail?: number;
  raw?: boolean;
  json?: boolean;
};

export function logsCommand(): Command {
  return onSite(new Command("logs"))
    .description("what all services say, in the order of time; JSON lines are made readable")
    .option("-f, --follow", "go on with what comes, also of containers that a deploy makes; Ctrl-C ends it")
    .option(
      "-s, --service <name>",
      "only of this one: api-1, or api for all its servers; may be said again",
      more,
    )
    .option("--since <time>", "10m, 2h, 1d, or 2026-11-23T08:00:00Z")
    .option("--grep <text>", "lines that hold it; /expression/i for a regular expression")
    .option(
      "-n, --tail <lines>",
      "so many of the latest lines; 100 if neither this nor --since is given",
      lines,
    )
    .option("--raw", "each line as it was written")
    .option("--json", "a JSON object for each line on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      // Faults of usage before anything is opened; they come as Problems, so inside of it.
      await withSite(
        environment,
        options,
        async ({ site, signal }) => {
          const test = grepFor(options.grep);
          const since = sinceFor(options.since, Date.now());
          const { project } = await openRunning(site);
          const chosen = options.service && new Set(resolveServices(project.plan, options.service));
          const stems = new Set(options.service);
          const names = [...(chosen ?? servicesOf(project.plan))];
          const width = Math.max(...names.map((name) => name.length));
          const paint = paintFor(process.stdout);
          const render = { paint, width, raw: options.raw, shortTimes: process.stdout.isTTY };
          const write = (line: LogLine) =>
            process.stdout.write(`${options.json ? asJson(line) : renderLine(line, render)}\n`);
          await readLogs({
            docker: project.engine.docker,
            project: project.name,
            // `api` takes in the server that a `scale` adds while this is followed.
            wants: (name) => !chosen || chosen.has(name) || stems.has(name.replace(/-\d+$/, "")),
            test,
            since,
            tail: options.tail ?? (since === undefined ? 100 : undefined),
            follow: options.follow,
            signal,
            onLine: write,
          });
        },
        undefined,
        { endless: true },
      );
    });
}

function asJson({ service, stream, at, text }: LogLine): string {
  return JSON.stringify({ at, service, stream, text, ...(text.startsWith("{") && fieldsOf(text)) });
}

function fieldsOf(text: string): { fields?: unknown } {
  try {
    return { fields: JSON.parse(text) };
  } catch {
    return {};
  }
}

/** Not `<name...>`: that would take the environment for a service's name. */
function more(name: string, before: string[] = []): string[] {
  return [...before, ...name.split(",")];
}

function lines(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 1_000_000)
    throw new InvalidArgumentError("Expected a number of lines.");
  return value;
}
