/** The command line. Only the module of the command that is called is loaded: a cold start stays short. */
import { Command, CommanderError } from "commander";
import { InputError } from "../generator/spec/fault.ts";
import { ExitError } from "./exit.ts";

const commands: Record<string, () => Promise<Command>> = {
  generate: async () => (await import("./generate.ts")).generateCommand(),
  validate: async () => (await import("./validate.ts")).validateCommand(),
  diff: async () => (await import("./diff.ts")).diffCommand(),
  budget: async () => (await import("./budget.ts")).budgetCommand(),
  cost: async () => (await import("./cost.ts")).costCommand(),
  explain: async () => (await import("./explain.ts")).explainCommand(),
  schema: async () => (await import("./schema.ts")).schemaCommand(),
  init: async () => (await import("./init.ts")).initCommand(),
  pin: async () => (await import("./pin.ts")).pinCommand(),
  up: async () => (await import("./up.ts")).upCommand(),
  down: async () => (await import("./down.ts")).downCommand(),
  status: async () => (await import("./status.ts")).statusCommand(),
  objectives: async () => (await import("./objectives.ts")).objectivesCommand(),
  alerts: async () => (await import("./alerts.ts")).alertsCommand(),
  errors: async () => (await import("./errors.ts")).errorsCommand(),
  ps: async () => (await import("./ps.ts")).psCommand(),
  logs: async () => (await import("./logs.ts")).logsCommand(),
  exec: async () => (await import("./exec.ts")).execCommand(),
  run: async () => (await import("./run.ts")).runCommand(),
  psql: async () => (await import("./psql.ts")).psqlCommand(),
  redis: async () => (await import("./redis.ts")).redisCommand(),
  runbook: async () => (await import("./runbook.ts")).runbookCommand(),
  maintenance: async () => (await import("./maintenance.ts")).maintenanceCommand(),
  open: async () => (await import("./open.ts")).openCommand(),
  lock: async () => (await import("./lock.ts")).lockCommand(),
  unlock: async () => (await import("./unlock.ts")).unlockCommand(),
  audit: async () => (await import("./audit.ts")).auditCommand(),
  backup: async () => (await import("./backup.ts")).backupCommand(),
  migrate: async () => (await import("./migrate.ts")).migrateCommand(),
  access: async () => (await import("./access.ts")).accessCommand(),
  check: async () => (await import("./check.ts")).checkCommand(),
  load: async () => (await import("./load.ts")).loadCommand(),
  ci: async () => (await import("./ci.ts")).ciCommand(),
  restart: async () => (await import("./restart.ts")).restartCommand(),
  scale: async () => (await import("./scale.ts")).scaleCommand(),
  config: async () => (await import("./config.ts")).configCommand(),
  secrets: async () => (await import("./secrets.ts")).secretsCommand(),
  deploy: async () => (await import("./deploy.ts")).deployCommand(),
  canary: async () => (await import("./canary.ts")).canaryCommand(),
  releases: async () => (await import("./releases.ts")).releasesCommand(),
  release: async () => (await import("./release.ts")).releaseCommand(),
  rollback: async () => (await import("./rollback.ts")).rollbackCommand(),
  promote: async () => (await import("./promote.ts")).promoteCommand(),
  rejoin: async () => (await import("./rejoin.ts")).rejoinCommand(),
  restore: async () => (await import("./restore.ts")).restoreCommand(),
  dr: async () => (await import("./dr.ts")).drCommand(),
  drill: async () => (await import("./drill.ts")).drillCommand(),
  host: async () => (await import("./host.ts")).hostCommand(),
  droplet: async () => (await import("./droplet.ts")).dropletCommand(),
  engine: async () => (await import("./engine.ts")).engineCommand(),
};

/** How the help sorts them; what is in none of these stands below `Releases:`. */
const groups: Record<string, readonly string[]> = {
  "A stack and its files:": [
    "generate",
    "validate",
    "diff",
    "budget",
    "cost",
    "explain",
    "schema",
    "init",
    "pin",
  ],
  "On this machine:": ["up", "down", "engine"],
  "What runs:": [
    "status",
    "objectives",
    "alerts",
    "errors",
    "ps",
    "logs",
    "exec",
    "run",
    "psql",
    "redis",
    "open",
    "runbook",
    "restart",
    "maintenance",
    "migrate",
    "load",
  ],
  "The database:": ["backup", "restore", "promote", "rejoin", "drill", "dr"],
  "Settings:": ["scale", "config", "secrets", "access", "ci", "lock", "unlock", "audit"],
  "Machines:": ["host", "droplet"],
};

function groupOf(name: string): string {
  return Object.keys(groups).find((group) => groups[group]?.includes(name)) ?? "Releases:";
}

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("plimsoll")
    .description(
      "One stack.yaml becomes a production stack of plain Docker Compose, sized to fit its machine.",
    )
    .version("0.1.0")
    .showHelpAfterError("(plimsoll --help lists what there is)")
    .exitOverride()
    // `plimsoll run production ls -l`: what follows the command's own words is not ours to read.
    .enablePositionalOptions();
  const called = argv.find((word) => !word.startsWith("-"));
  const known = called !== undefined && Object.hasOwn(commands, called);
  const wanted = known ? [called] : /^(-V|--version)$/.test(argv[0] ?? "") ? [] : Object.keys(commands);
  for (const name of wanted) {
    const command = await (commands[name] as () => Promise<Command>)();
    program.addCommand(inherit(command, program).helpGroup(groupOf(name)));
  }
  try {
    await program.parseAsync(argv as string[], { from: "user" });
    return 0;
  } catch (error) {
    return report(error);
  }
}

/** Errors of usage end every command, and the commands below it, in the same way. */
function inherit(command: Command, parent: Command): Command {
  command.exitOverride().copyInheritedSettings(parent);
  for (const inner of command.commands) inherit(inner, command);
  return command;
}

/** Exit codes: 0 done, 1 failed, 2 wrong usage or bad input, 3 differs. */
function report(error: unknown): number {
  if (error instanceof ExitError) return error.code;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof InputError) {
    const { faults } = error;
    console.error(error.message);
    if (faults.length > 1) console.error(`\n${faults.length} faults. Nothing was changed.`);
    return 2;
  }
  console.error(`plimsoll: ${error instanceof Error ? describe(error) : String(error)}`);
  return 1;
}

function describe(error: Error): string {
  if (process.env.PLIMSOLL_DEBUG) return error.stack ?? error.message;
  const { code, path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  if (code === "ENOSPC")
    return "the disk is full; no file is left half written, and the next generate goes on";
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return `${dest ?? path ?? "a file"} cannot be written (${code})`;
  return error.message;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A pipe that was closed (`| head`) is no fault.
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
process.exitCode = await main(process.argv.slice(2));
