import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { Duration } from "../generator/spec/words.ts";
import { readStatus, type Status } from "../operator/observe/status.ts";
import { statusText } from "../operator/observe/status-text.ts";
import { ExitError } from "./exit.ts";
import { paintFor, widthOf } from "./screen.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";

type Options = SiteOptions & { watch?: number | true; json?: boolean };

export function statusCommand(): Command {
  return onSite(new Command("status"))
    .description(
      "one screen: services, release, edge, database, backups, disk, alerts, objectives; exits 1 where something is wrong",
    )
    .option("--watch [every]", "again and again, until Ctrl-C; every 5s if nothing is said", every)
    .option("--json", "the result as JSON on stdout; with --watch a line each time")
    .action((environment: EnvironmentKind, options: Options) =>
      withSite(
        environment,
        options,
        (work) => (options.watch ? watch(work, options) : once(work, options)),
        undefined,
        {
          endless: options.watch !== undefined,
        },
      ),
    );
}

async function once({ site, spec, signal }: Work, { json }: Options): Promise<void> {
  const status = await readStatus(site, spec, signal);
  console.log(json ? JSON.stringify(status, jsonable, 2) : screen(status));
  if (!status.healthy) throw new ExitError(1);
}

async function watch({ site, spec, signal }: Work, { watch, json }: Options): Promise<void> {
  const pause = 1000 * (typeof watch === "number" ? watch : 5);
  const terminal = process.stdout.isTTY && !json;
  let status: Status | undefined;
  while (!signal.aborted) {
    try {
      status = await readStatus(site, spec, signal);
    } catch (error) {
      if (signal.aborted) break;
      throw error;
    }
    if (json) console.log(JSON.stringify(status, jsonable));
    else console.log(terminal ? redrawn(screen(status)) : `${screen(status)}\n`);
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
  if (status && !status.healthy) throw new ExitError(1);
}

function screen(status: Status): string {
  return statusText(status, paintFor(process.stdout), widthOf(process.stdout));
}

/** Over the last one, line by line: a screen that is cleared first would flicker. */
function redrawn(text: string): string {
  const lines = text.split("\n").map((line) => `${line}\u001b[K`);
  return `\u001b[H${lines.join("\n")}\u001b[J`;
}

/** Positions in the log are bigger than JSON's numbers; a map is an object. */
function jsonable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

function every(text: string): number {
  const parsed = Duration.safeParse(text);
  if (!parsed.success || parsed.data < 1 || parsed.data > 3600)
    throw new InvalidArgumentError("Expected a duration such as 2s or 1m.");
  return parsed.data;
}
