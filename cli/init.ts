import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { produce } from "../generator/index.ts";
import { packageRoot } from "../generator/package.ts";
import { environmentNames } from "../generator/spec/core.ts";
import { InputError } from "../generator/spec/fault.ts";
import { readStack } from "../generator/spec/load.ts";
import { droplets } from "../generator/spec/machine.ts";
import { type Answers, starter } from "../generator/spec/starter.ts";
import { display } from "../generator/stack.ts";
import { ask, type Given } from "./ask.ts";
import { collectFaults } from "./collect.ts";
import { ExitError } from "./exit.ts";

type Options = Given & { yes?: boolean };

export function initCommand(): Command {
  return new Command("init")
    .description("ask a few questions and write a stack.yaml that generates")
    .argument("[folder]", "a name below stacks/, or a folder")
    .option("--name <name>", "the stack's name; the folder's if absent")
    .option("--domain <host name>", "where the API answers: api.example.com")
    .addOption(new Option("--image <image>", "the application's image, with a tag").conflicts("build"))
    .addOption(new Option("--build <folder>", "or the folder it is built from, inside the stack's folder"))
    .option("--port <number>", "the port it listens on, as PORT", wholeNumber)
    .addOption(new Option("--machine <slug>", "a droplet").choices(droplets.map(({ slug }) => slug)))
    .option("--worker <command>", "a worker beside the servers")
    .option("--yes", "ask nothing: flags and defaults")
    .action(async (folder: string | undefined, { yes, ...options }: Options) => {
      const given: Given = {
        ...options,
        name: options.name ?? (folder === undefined ? undefined : basename(folder)),
      };
      const answers =
        process.stdin.isTTY && process.stderr.isTTY && !yes ? await ask(given) : fromFlags(given);
      const place = placeOf(folder ?? answers.name);
      await write(place, answers);
      console.error(`${display(place)}/stack.yaml: written`);
      if (answers.build !== undefined && !existsSync(join(place, answers.build))) {
        console.error(
          `Put the application into ${display(join(place, answers.build))}, with its Dockerfile.`,
        );
      }
      const named = place === resolve("stacks", basename(place)) ? basename(place) : display(place);
      console.error(`Next: npx plimsoll budget ${named}, then npx plimsoll up ${named}`);
    });
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected a number such as 5000.");
  return Number(text);
}

/** A name means a folder below stacks/. */
function placeOf(folder: string): string {
  return folder.includes("/") || folder === "." ? resolve(folder) : resolve("stacks", folder);
}

function fromFlags(given: Given): Answers {
  const missing = [
    ...(given.name === undefined ? ["--name my-stack"] : []),
    ...(given.domain === undefined ? ["--domain api.example.com"] : []),
    ...(given.image === undefined && given.build === undefined
      ? ["--image ghcr.io/me/api:1.4.0 (or --build ./api)"]
      : []),
  ];
  if (missing.length > 0) {
    console.error("There is no terminal to ask in. Still needed:");
    for (const flag of missing) console.error(`  ${flag}`);
    throw new ExitError(2);
  }
  const { name, domain } = given as Given & { name: string; domain: string };
  return { machine: "s-2vcpu-4gb", port: 5000, ...given, name, domain };
}

/** Checked in memory for every environment before anything is written. @throws InputError */
async function write(place: string, answers: Answers): Promise<void> {
  const path = join(place, "stack.yaml");
  const file = display(path);
  if (existsSync(path)) {
    throw new InputError([
      { file, message: "exists already", remedy: "Name another folder, or edit this file." },
    ]);
  }
  const text = starter(answers, relative(place, join(packageRoot, "docs", "stack.schema.json")));
  await collectFaults(environmentNames, async (environment) =>
    produce({ folder: place, yaml: readStack(file, text), pins: {} }, environment),
  );
  await mkdir(place, { recursive: true });
  await writeFile(path, text, { flag: "wx" });
}
