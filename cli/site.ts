/** What every command on an environment begins with: the stack, its spec, the host, and the end of the connection. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { components } from "../generator/components/index.ts";
import { type EnvironmentKind, environmentNames } from "../generator/spec/core.ts";
import { loadSpec, type Spec } from "../generator/spec/load.ts";
import { readStackFolder, type StackSource } from "../generator/stack.ts";
import { destinationOf, siteOf } from "../operator/site/open.ts";
import type { Site } from "../operator/site/site.ts";
import { remember } from "./hint.ts";
import { addHostOptions, type HostOptions, openHost } from "./host-option.ts";
import { type OperateOptions, operate } from "./operate.ts";
import { stackFolder } from "./stacks.ts";

export type SiteOptions = HostOptions & { stack?: string };

/** `plimsoll ps production`: the environment, then what the command itself takes; `--stack` where there are several. */
export function onSite(command: Command): Command {
  return addHostOptions(environmentArgument(command));
}

/** The same for what asks no host. */
export function environmentArgument(command: Command): Command {
  command.argument("<environment>", environmentNames.join(", "), oneOf);
  return command.addOption(new Option("--stack <name>", "a stack's name below stacks/, or its folder"));
}

function oneOf(text: string): EnvironmentKind {
  const found = environmentNames.find((name) => name === text);
  if (!found) throw new InvalidArgumentError(`Expected ${environmentNames.join(", ")}.`);
  return found;
}

export type Work = { site: Site; spec: Spec; source: StackSource; signal: AbortSignal };

/** Opens the site, does the work, closes the connection. Faults and Ctrl-C in words. */
export async function withSite(
  environment: EnvironmentKind,
  options: SiteOptions,
  work: (work: Work) => Promise<void>,
  interrupted = async () => "Interrupted. What was started on the host goes on.",
  ending: OperateOptions = {},
): Promise<void> {
  remember(options);
  const folder = await stackFolder(options.stack);
  const source = await readStackFolder(folder);
  const spec = loadSpec(source.yaml, environment, components);
  await operate(
    async (signal) => {
      const host = await openHost(destinationOf(spec, options.host), options);
      try {
        await work({ site: siteOf(spec, folder, host), spec, source, signal });
      } finally {
        await host.close();
      }
    },
    interrupted,
    ending,
  );
}
