import { Command, InvalidArgumentError, Option } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { destinationAs, parseDestination } from "../operator/host/destination.ts";
import { cloudConfig } from "../operator/machine/cloud-init.ts";
import { initHost, type StepResult } from "../operator/machine/init.ts";
import {
  type MachineParameters,
  type Packages,
  STEPS,
  type StepName,
} from "../operator/machine/parameters.ts";
import { Problem } from "../operator/problem.ts";
import { ExitError } from "./exit.ts";
import { addHostOptions, type HostOptions, openHost } from "./host-option.ts";
import { machineOf, readKeys } from "./machine-words.ts";
import { operate } from "./operate.ts";
import { environmentOption } from "./stacks.ts";

export function hostCommand(): Command {
  return new Command("host")
    .description("the machine that a stack runs on: a fresh droplet made ready")
    .addCommand(init())
    .addCommand(cloudInit());
}

type Words = { user?: string; packages: Packages; open?: number[]; key: string[] };

type InitWords = Words & HostOptions & { skip: StepName[]; dryRun?: boolean; json?: boolean };

function init(): Command {
  const command = new Command("init")
    .argument("<destination>", "root@HOST, or a user there who has sudo; a name of ssh_config")
    .description(
      "make a Debian 12/13 or Ubuntu 22.04/24.04 host ready: Docker, a deploy user, a firewall that Docker cannot bypass, swap, sysctls, security upgrades; safe to run again",
    )
    .option("--skip <steps>", `steps to leave out: ${STEPS.join(",")}`, steps, [])
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--json", "the steps as JSON on stdout");
  return addFingerprint(addWords(command)).action(async (destination: string, options: InitWords) => {
    await operate(
      async (signal) => {
        const parameters = await parametersOf(options);
        if (destination === "local") {
          throw new Problem(
            "host init is for a host that is reached over ssh",
            "On this machine itself: plimsoll host cloud-init prints the same steps.",
            2,
          );
        }
        parseDestination(destination);
        const host = await openHost(destination, { fingerprint: options.fingerprint });
        try {
          const result = await initHost(host, {
            parameters: { ...parameters, skip: options.skip },
            dryRun: options.dryRun,
            signal,
            onStep: (step) => console.error(line(step)),
            login: (user) =>
              openHost(destinationAs(destination, user), { fingerprint: options.fingerprint, fresh: true }),
          });
          if (options.json) console.log(JSON.stringify(result, null, 2));
          if (!result.ready) {
            console.error(
              "\nNot all of it is done. Run it again after mending, or leave steps out: --skip STEP,STEP",
            );
            throw new ExitError(1);
          }
          if (!options.dryRun) {
            const to = destinationAs(destination, result.user);
            console.error(`\nReady. In stack.yaml: host: ${to}\nThen: npx plimsoll deploy production`);
          }
        } finally {
          await host.close();
        }
      },
      async () => "Interrupted. What was done stays; running this again goes on from there.",
    );
  });
}

type CloudInitWords = Words & { environment: EnvironmentKind };

function cloudInit(): Command {
  const command = new Command("cloud-init")
    .argument("[stack]", "takes the deploy user and the open ports from this stack")
    .description("print the same steps as user data (#cloud-config) for a droplet made by hand or by API")
    .addOption(environmentOption().default("production"));
  return addWords(command).action(async (stack: string | undefined, options: CloudInitWords) => {
    await operate(
      async () => {
        const own = stack === undefined ? {} : (await machineOf(stack, options.environment)).parameters;
        // What is said by option holds.
        process.stdout.write(cloudConfig({ ...own, ...(await parametersOf(options)) }));
      },
      async () => "Interrupted.",
    );
  });
}

/** The words that both share. */
function addWords(command: Command): Command {
  return command
    .option("--user <name>", "the user who deploys; deploy if absent")
    .addOption(
      new Option("--packages <from>", "where Docker comes from; auto: its own repository where that answers")
        .choices(["auto", "docker", "debian"])
        .default("auto"),
    )
    .option("--open <ports>", "TCP ports that are open beside ssh's; 80,443 if absent", ports)
    .option(
      "--key <file>",
      "a public key for the deploy user beside those that log in now; may be repeated",
      more,
      [],
    );
}

function addFingerprint(command: Command): Command {
  const option = addHostOptions(new Command()).options.find(({ long }) => long === "--fingerprint");
  return option ? command.addOption(option) : command;
}

async function parametersOf({ user, packages, open, key }: Words): Promise<MachineParameters> {
  const keys = await readKeys(key);
  return { packages, keys, ...(user !== undefined && { user }), ...(open && { open }) };
}

const STATES = {
  ok: "ok already",
  done: "done",
  would: "would",
  skipped: "skipped",
  impossible: "could not",
  failed: "failed",
} as const;

function line({ step, state, text }: StepResult): string {
  return `  ${STATES[state].padEnd(10)}  ${step.padEnd(9)} ${text}`;
}

function steps(text: string): StepName[] {
  const names = text.split(",").map((name) => name.trim());
  const stray = names.find((name) => !(STEPS as readonly string[]).includes(name));
  if (stray !== undefined)
    throw new InvalidArgumentError(
      `There is no step ${JSON.stringify(stray)}. Expected some of ${STEPS.join(",")}.`,
    );
  return names as StepName[];
}

function ports(text: string): number[] {
  const numbers = text.split(",").map((port) => (/^ *\d{1,5} *$/.test(port) ? Number(port) : Number.NaN));
  if (!numbers.every((port) => port >= 1 && port <= 65_535))
    throw new InvalidArgumentError("Expected ports such as 80,443.");
  return numbers;
}

function more(file: string, before: readonly string[]): string[] {
  return [...before, file];
}
