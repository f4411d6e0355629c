import { Command } from "commander";
import type { PlanJson } from "../generator/render/plan-json.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { readStackFolder } from "../generator/stack.ts";
import { type Kept, SIDECARS } from "../operator/database/sidecars.ts";
import { backupNow } from "../operator/database/work.ts";
import { Problem } from "../operator/problem.ts";
import type { Activated, ActivationPlan } from "../operator/recovery/activate.ts";
import { activate } from "../operator/recovery/activate.ts";
import { openRecovery, type Recoverable } from "../operator/recovery/open.ts";
import { writeSource } from "../operator/recovery/source.ts";
import { appendAudit } from "../operator/settings/audit.ts";
import { siteOf } from "../operator/site/open.ts";
import type { Site } from "../operator/site/site.ts";
import { type Dns, prepareDns } from "./dr-dns.ts";
import { requireGone } from "./dr-gone.ts";
import { openReady } from "./dr-host.ts";
import { identityOf } from "./dr-identity.ts";
import { addStoreOptions, keysOf, repositoryOf, type StoreOptions } from "./dr-store.ts";
import { asTyped, remember } from "./hint.ts";
import type { HostOptions } from "./host-option.ts";
import { confirmName, operate } from "./operate.ts";
import { printEvent } from "./release-work.ts";
import { onSite } from "./site.ts";
import { stackFolder } from "./stacks.ts";

type Options = HostOptions &
  StoreOptions & {
    stack?: string;
    identity: string;
    bundle?: string;
    fenced?: string;
    confirm?: string;
    json?: boolean;
  };

export function activateCommand(): Command {
  return addStoreOptions(onSite(new Command("activate")))
    .description(
      "the whole stack on another host, from the bucket and the recovery key, when the first host is gone",
    )
    .requiredOption("--identity <file>", "the recovery key, as `plimsoll dr key` wrote it")
    .option("--bundle <name>", "another bundle than the newest")
    .option(
      "--fenced <host>",
      "this host answers (or `unknown`: nobody knows which it was), and you have seen to it that it serves nobody and writes nothing any more",
    )
    .option("--confirm <name>", "the stack's name, instead of being asked")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      remember(options);
      await operate(
        (signal) => run(environment, options, signal),
        async () =>
          "Interrupted here. What was begun on the host goes on. Run this again: it goes on from there.",
      );
    });
}

async function run(environment: EnvironmentKind, options: Options, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const say = (line: string) => console.error(line);
  const { store, stack, dr } = await repositoryOf(environment, options);
  const { identity } = await identityOf(options.identity);
  const keys = await keysOf(store);
  const found = await openRecovery({ store, keys, identity, environment, stack, name: options.bundle });
  for (const line of foundText(found)) say(line);
  const words = dr ?? found.dr;
  const destination = options.host ?? words?.host;
  if (destination === undefined || destination === "local")
    throw new Problem("on which host?", "--host deploy@203.0.113.8: an empty Debian or Ubuntu", 2);
  const dns = await prepareDns(words, found.plan.domain, destination, signal);
  await requireGone(found.firstHost, destination, options.fenced);
  const host = await openReady(destination, options, found.plan, say, signal);
  try {
    const { name, project, domain } = found.plan;
    const site = siteOf({ environment, core: { name, project, domain } }, "", host);
    const activated = await activate({
      site,
      bundle: found.bundle,
      catalog: found.catalog,
      store,
      keys,
      say,
      signal,
      onEvent: printEvent,
      agree: (plan) => confirmName(planText(plan), plan.stack, options.confirm),
    });
    // One that goes on with an earlier try counts from there.
    const seconds = Math.max(
      (performance.now() - began) / 1000,
      activated.steps.length > 0 ? (Date.now() - Date.parse(activated.begun)) / 1000 : 0,
    );
    await appendAudit(site, {
      command: "dr activate",
      release: activated.version,
      what: `${activated.release} from ${activated.bundle}`,
      outcome: "done",
    });
    report(activated, found, seconds, dns, options);
    await dns.pointThen(say, async () => {
      if (options.repository) await handOver(found, activated.host, options, say);
      await firstBackup(site, found.plan, say, signal);
    });
  } finally {
    await host.close();
  }
}

/** Every command but `dr` reads the stack's folder, and whoever names the repository may have none. */
async function handOver(
  { bundle, plan }: Recoverable,
  host: string,
  options: Options,
  say: (line: string) => void,
): Promise<void> {
  if (await isAtHand(plan.name, options.stack)) return;
  try {
    const folder = await writeSource(bundle, ".");
    say(`stack.yaml of ${bundle.meta.release} is in ${folder}/ now, without the application.`);
  } catch (error) {
    say(`The stack's folder was not written: ${(error as Error).message}`);
    return;
  }
  remember({ stack: plan.name, host });
  say(asTyped(`What runs: plimsoll ps ${bundle.meta.environment}`));
}

async function isAtHand(name: string, stack: string | undefined): Promise<boolean> {
  try {
    const { yaml } = await readStackFolder(await stackFolder(stack));
    return (yaml.value as { name?: unknown }).name === name;
  } catch {
    return false;
  }
}

const time = (seconds: number) =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;

function foundText({ bundle, catalog, firstHost }: Recoverable): string[] {
  const { meta } = bundle;
  return [
    `${meta.stack} ${meta.environment}, release ${meta.release}, from ${bundle.name} (made ${meta.created})`,
    ...(catalog
      ? [
          `PostgreSQL: ${(catalog.backup.size / 1024 ** 2).toFixed(0)} MiB in ${catalog.backup.label}, finished ${time(catalog.backup.finished)}`,
          catalog.archived
            ? `its log goes on in the bucket until ${time(catalog.archived)}`
            : "no log of it is in the bucket: the backup is the end",
        ]
      : ["no PostgreSQL of its own"]),
    `the host until now: ${firstHost ?? "not known"}`,
  ];
}

function planText({ stack, environment, host, release, again, follows }: ActivationPlan): string {
  return `${stack} ${environment} ${release} ${again ? "goes on to come up" : "comes up"} on ${host}${follows ? ", which followed until now, and" : ", which"} writes into the repository from then on.`;
}

/** On the new timeline. It serves already: one that fails is told, and the schedule makes the next. */
export async function firstBackup(
  site: Site,
  plan: PlanJson,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const kept = (Object.keys(SIDECARS) as Kept[]).filter((what) => SIDECARS[what] in plan.services);
  if (kept.length === 0) return;
  say("A full backup of what is there now:");
  try {
    await backupNow(site, kept, { full: true, signal, onLine: (line) => say(`  ${line}`) });
    say("It is made. Everything is done.");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(
      `It was not made: ${error.message}. The stack serves; make one: plimsoll backup ${site.environment} now --full`,
    );
  }
}

function report(
  activated: Activated,
  { catalog }: Recoverable,
  seconds: number,
  { record }: Dns,
  { json }: Options,
): void {
  const { database } = activated;
  const reached = database?.reached ?? catalog?.backup.finished;
  if (json) {
    console.log(
      JSON.stringify(
        {
          ...activated,
          dns: record,
          seconds: Math.round(seconds * 10) / 10,
          lastTransaction: reached === undefined ? null : new Date(reached * 1000).toISOString(),
        },
        null,
        2,
      ),
    );
    return;
  }
  console.error(`\n${activated.version} (${activated.release} of before) serves on ${activated.host}.`);
  console.error(`RTO, from the start to answers through the door: ${seconds.toFixed(1)} s`);
  if (database && reached !== undefined)
    console.error(
      `RPO: the last transaction that is there was committed at ${time(reached)}. What came after it is lost.`,
    );
}
