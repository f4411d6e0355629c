import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { generate, produce } from "../generator/index.ts";
import { readersOf } from "../generator/plan/readers.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { Name } from "../generator/spec/words.ts";
import { display, readStackFolder } from "../generator/stack.ts";
import { ensureEngine } from "../operator/engine/install.ts";
import { localHost } from "../operator/host/local.ts";
import { chooseImages, type Images, imagesIn } from "../operator/up/images.ts";
import { takeLock } from "../operator/up/lock.ts";
import { makeProgress, type Progress } from "../operator/up/progress.ts";
import { openProject } from "../operator/up/project.ts";
import { whatRuns } from "../operator/up/state.ts";
import { bringUp, type UpResult } from "../operator/up/up.ts";
import { requireBuildFolders } from "./build-folders.ts";
import { agree, operate } from "./operate.ts";
import { environmentOption, stackFolder } from "./stacks.ts";

type Options = {
  environment: EnvironmentKind;
  images?: Images;
  project?: string;
  timeout: number;
  yes?: boolean;
  json?: boolean;
};

export function upCommand(): Command {
  return new Command("up")
    .argument("[stack]", "a stack's name below stacks/, or its folder; the only one there if absent")
    .description(
      "from nothing to a running stack: engine, files, images, containers, health, a first request",
    )
    .addOption(environmentOption().default("local"))
    .addOption(
      new Option(
        "--images <kind>",
        "official or debian; if absent, debian only where no registry answers",
      ).choices(["official", "debian"]),
    )
    .option("--project <name>", "Compose project name", projectName)
    .option("--timeout <seconds>", "until every service must be healthy", seconds, 600)
    .option("-y, --yes", "install an engine without asking")
    .option("--json", "the result as JSON on stdout")
    .action(async (stack: string | undefined, options: Options) => {
      const folder = await stackFolder(stack);
      // Faults of stack.yaml are told before anything is installed.
      const source = await readStackFolder(folder);
      const planned = produce(
        source,
        options.environment,
        options.project ? { project: options.project } : {},
      );
      await requireBuildFolders(folder, planned);
      const project = planned.plan.project;
      const host = localHost();
      await operate(
        async (signal) => {
          const lock = await takeLock(
            join(folder, ".generated", `${options.environment}.lock`),
            command("up", stack, options),
          );
          try {
            const progress = makeProgress();
            const result = await up({ stack, folder, options, planned, progress, signal });
            if (options.json) console.log(JSON.stringify(result, null, 2));
            else for (const line of describe(result, command("down", stack, options))) progress.say(line);
          } finally {
            await lock.release();
          }
        },
        async () =>
          `${await whatRuns(host, project)}\nGo on: ${command("up", stack, options)}\nTake it down: ${command("down", stack, options)}`,
      );
    });
}

type Work = {
  stack?: string;
  folder: string;
  options: Options;
  planned: ReturnType<typeof produce>;
  progress: Progress;
  signal: AbortSignal;
};

async function up({ stack, folder, options, planned, progress, signal }: Work): Promise<UpResult> {
  const host = localHost();
  const engine = await ensureEngine(host, progress.say, options.yes ? undefined : agree);
  signal.throwIfAborted();
  const composeYaml = planned.files.find(({ path }) => path === "compose.yaml");
  const choice = await chooseImages({
    host,
    engine,
    asked: options.images,
    needed: imagesIn(composeYaml?.text ?? ""),
    project: planned.plan.project,
  });
  const generated = await generate(
    {
      stackFolder: folder,
      environment: options.environment,
      images: choice.images,
      project: options.project,
    },
    { withSecrets: true },
  );
  if (choice.because && planned.plan.images !== generated.plan.images) progress.say(choice.because);
  for (const { component, why } of generated.plan.absent) progress.say(`  left out: ${component} (${why})`);
  progress.say(`${Object.keys(generated.plan.services).length} services from ${display(generated.folder)}`);
  signal.throwIfAborted();
  const project = await openProject(host, engine, generated.folder);
  const takeDown = command("down", stack, options);
  const stale = readersOf(generated.plan, generated.secrets?.made ?? []);
  return bringUp(project, { progress, signal, timeout: options.timeout, takeDown, stale });
}

function describe(result: UpResult, takeDown: string): string[] {
  const { first, doors, services, seconds } = result;
  const width = Math.max(4, ...doors.map(({ name }) => name.length));
  return [
    "",
    `${Object.keys(services).length} services are up after ${seconds} s (project ${result.project}).`,
    ...(first ? [`First request: ${first.url} answered ${first.status} in ${first.milliseconds} ms.`] : []),
    "",
    ...doors.map(({ name, url, user, password }) => {
      const login = password ? `   ${user ? `user ${user}, ` : ""}password in ${display(password)}` : "";
      return `  ${name.padEnd(width)}  ${url}${login}`;
    }),
    "",
    `Passwords and keys are files in ${display(result.secrets)}.`,
    `Take it down: ${takeDown}     (with its data: ${takeDown} --volumes)`,
  ];
}

/** The command as a person would type it, with what differs from the defaults. */
function command(name: "up" | "down", stack: string | undefined, options: Options): string {
  return [
    `npx plimsoll ${name}`,
    stack ?? "",
    options.environment === "local" ? "" : `--environment ${options.environment}`,
    options.project ? `--project ${options.project}` : "",
    options.images && name === "up" ? `--images ${options.images}` : "",
  ]
    .filter(Boolean)
    .join(" ");
}

function projectName(text: string): string {
  const parsed = Name.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError("Expected small letters, digits and hyphens.");
  return parsed.data;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("Expected seconds, such as 600.");
  return value;
}
