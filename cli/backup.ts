import { Argument, Command } from "commander";
import { printable } from "../generator/report/paint.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import type { Spec } from "../generator/spec/load.ts";
import { readBackups } from "../operator/database/backups.ts";
import { requireLabel } from "../operator/database/label.ts";
import { listText } from "../operator/database/list-text.ts";
import { showBackup, showText } from "../operator/database/show.ts";
import type { Kept } from "../operator/database/sidecars.ts";
import { backupNow, verifyFilesNow, verifyNow } from "../operator/database/work.ts";
import { Problem } from "../operator/problem.ts";
import { makeBundle } from "../operator/recovery/make.ts";
import { audited } from "../operator/settings/audit.ts";
import { ExitError } from "./exit.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";

type Action = "list" | "show" | "now" | "verify";
type Options = SiteOptions & { full?: boolean; json?: boolean };

export function backupCommand(): Command {
  return onSite(new Command("backup"))
    .addArgument(new Argument("<action>", "what to do").choices(["list", "show", "now", "verify"]))
    .argument("[label]", "of one backup: for show, and for verify where not the newest is meant")
    .description(
      "list, show: what there is, and to which instants it restores. now: one more. verify: restore one beside the running database, read all of it, throw it away; and read all that is kept of files",
    )
    .option("--full", "for now: PostgreSQL in full, whatever the last one was")
    .option("--json", "the result as JSON on stdout")
    .action(
      async (environment: EnvironmentKind, action: Action, label: string | undefined, options: Options) => {
        await withSite(environment, options, async (work) => {
          const kept = keptBy(work.spec);
          requireWords(environment, action, label, options);
          if (action === "list") return list(work, kept, options);
          if (action === "show") return show(work, kept, label as string, options);
          if (action === "now") return now(work, kept, options);
          return verify(work, kept, label, options);
        });
      },
    );
}

/** @throws Problem (2) where the stack keeps no backups */
function keptBy({ options, environment }: Spec): Kept[] {
  if (options.has("backup")) return options.has("postgres") ? ["postgres", "files"] : ["files"];
  throw new Problem(
    `${environment} keeps no backups: stack.yaml says backup: false`,
    "Remove the word, and deploy.",
    2,
  );
}

/** Faults of what was typed, before anybody is asked. */
function requireWords(
  environment: EnvironmentKind,
  action: Action,
  label: string | undefined,
  { full }: Options,
): void {
  const usage = (message: string, remedy: string) =>
    new Problem(message, `plimsoll backup ${environment} ${remedy}`, 2);
  if (full && action !== "now") throw usage(`--full is for now, not for ${action}`, "now --full");
  if (action === "show" && label === undefined) throw usage("show which?", "show LABEL");
  if (label === undefined) return;
  if (action === "list" || action === "now")
    throw usage(`${action} takes no label, found ${JSON.stringify(label)}`, action);
  requireLabel(label, environment, action === "verify" ? "postgres" : "any");
}

async function list({ site }: Work, kept: readonly Kept[], { json }: Options): Promise<void> {
  const backups = await readBackups(site, kept);
  if (json) console.log(JSON.stringify(backups, null, 2));
  else console.log(listText(backups, paintFor(process.stdout)));
}

async function show({ site }: Work, kept: readonly Kept[], label: string, { json }: Options): Promise<void> {
  const backups = await readBackups(site, kept, label);
  const shown = showBackup(backups, label, site.environment);
  console.log(json ? JSON.stringify(shown, null, 2) : showText(shown, backups.now));
}

const tell = (line: string) => console.error(printable(line));

async function now(
  { site, signal }: Work,
  kept: readonly Kept[],
  { full = false, json }: Options,
): Promise<void> {
  const what = `backup of ${kept.join(" and ")}${full ? ", full" : ""}`;
  await audited(site, { command: "backup now", what }, () =>
    backupNow(site, kept, { full, onLine: tell, signal }),
  );
  // On a laptop nobody asks for one.
  const bundle = site.environment === "local" ? undefined : await makeBundle(site);
  if (bundle) tell(`recovery bundle ${bundle}`);
  const backups = await readBackups(site, kept);
  if (json) return console.log(JSON.stringify(backups, null, 2));
  console.log(listText(backups, paintFor(process.stdout)));
}

async function verify(
  { site, signal }: Work,
  kept: readonly Kept[],
  label: string | undefined,
  { json }: Options,
): Promise<void> {
  const { environment } = site;
  // Asked for by its label, it is PostgreSQL's alone.
  const whole = label !== undefined || (await verifyFilesNow(site, { onLine: tell, signal }));
  if (!kept.includes("postgres")) {
    const { files } = await readBackups(site, kept);
    if (json) console.log(JSON.stringify(files && "verified" in files ? files.verified : null, null, 2));
    if (!whole) throw new ExitError(1);
    return;
  }
  if (label !== undefined) showBackup(await readBackups(site, kept), label, environment);
  // It changes nothing that serves, so nothing of it is written down; what it finds is kept with the backup.
  const passed = await verifyNow(site, label, { onLine: tell, signal });
  const backups = await readBackups(site, kept, label);
  const found = verifiedLast(backups);
  if (json) console.log(JSON.stringify(found ?? null, null, 2));
  else if (found) console.log(showText(showBackup(backups, found.label, environment), backups.now));
  if (!passed || !whole) throw new ExitError(1);
}

function verifiedLast({ postgres }: Awaited<ReturnType<typeof readBackups>>) {
  if (!postgres || "error" in postgres) return undefined;
  const all = postgres.backups.flatMap(({ verified }) => (verified ? [verified] : []));
  return all.sort((a, b) => b.finished - a.finished)[0];
}
