/** `plimsoll drill ENVIRONMENT disaster`: held on another host, from the bucket and the recovery key. */
import { lookup } from "node:dns/promises";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { printable } from "../generator/report/paint.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { disasterDrill } from "../operator/drill/disaster.ts";
import { dropCommand, vacate } from "../operator/drill/rehearsal.ts";
import type { DrillReport } from "../operator/drill/report.ts";
import { saveDrill } from "../operator/drill/store.ts";
import { drillText } from "../operator/drill/text.ts";
import { localHost } from "../operator/host/local.ts";
import { addressOf } from "../operator/load/target.ts";
import { openRunning, type Running } from "../operator/operate/running.ts";
import { Problem } from "../operator/problem.ts";
import { signOfLife } from "../operator/recovery/first-host.ts";
import { openRecovery, type Recoverable } from "../operator/recovery/open.ts";
import { appendAudit } from "../operator/settings/audit.ts";
import { siteOf } from "../operator/site/open.ts";
import { openReady } from "./dr-host.ts";
import { identityOf } from "./dr-identity.ts";
import { keysOf, repositoryOf, type StoreOptions } from "./dr-store.ts";
import { ExitError } from "./exit.ts";
import { asTyped, remember } from "./hint.ts";
import { openHost } from "./host-option.ts";
import { operate } from "./operate.ts";
import { printEvent } from "./release-work.ts";
import type { SiteOptions } from "./site.ts";

export type DisasterOptions = SiteOptions &
  StoreOptions & { identity?: string; bundle?: string; keep?: boolean; drop?: boolean; json?: boolean };

const say = (line: string) => console.error(printable(line));

/** @param check of the words */
export async function disaster(
  environment: EnvironmentKind,
  options: DisasterOptions,
  check: () => void,
): Promise<void> {
  // Its --host is the drill's: what is said of production needs none.
  remember({ ...options, host: undefined });
  await operate(
    async (signal) => {
      check();
      const destination = hostOf(environment, options);
      if (options.drop) await drop(destination, options);
      else await hold(environment, destination, options, signal);
    },
    async () =>
      options.drop
        ? "Interrupted. Run this again: it goes on from there."
        : "Interrupted: the drill's host is empty again, and no report is left.",
  );
}

/** @throws Problem (2) */
function hostOf(environment: EnvironmentKind, { host, identity, drop }: DisasterOptions): string {
  const example = `plimsoll drill ${environment} disaster --host root@203.0.113.9 --identity plimsoll-recovery.key`;
  if (host === undefined || host === "local")
    throw new Problem(
      "on which host? A disaster drill brings the whole stack up on another one, an empty Debian or Ubuntu",
      `${example}\nA droplet by the hour: plimsoll droplet create`,
      2,
    );
  if (!drop && identity === undefined)
    throw new Problem("the recovery key is needed: a disaster leaves it and the bucket", example, 2);
  return host;
}

async function drop(destination: string, options: DisasterOptions): Promise<void> {
  const host = await openHost(destination, { fingerprint: options.fingerprint });
  try {
    const gone = await vacate(host);
    for (const line of gone) say(`Gone: ${line}`);
    if (gone.length === 0) say(`No drill left anything on ${host.name}: nothing was taken away.`);
  } finally {
    await host.close();
  }
}

async function hold(
  environment: EnvironmentKind,
  destination: string,
  options: DisasterOptions,
  signal: AbortSignal,
): Promise<void> {
  const { store, stack, host: named } = await repositoryOf(environment, options);
  const { identity } = await identityOf(options.identity as string);
  const keys = await keysOf(store);
  const began = Date.now();
  const clock = performance.now();
  const found = await openRecovery({ store, keys, identity, environment, stack, name: options.bundle });
  const opened = (performance.now() - clock) / 1000;
  const { meta, name } = found.bundle;
  say(`${meta.stack} ${meta.environment}, release ${meta.release}, from ${name} (made ${meta.created})`);
  const first = found.firstHost ?? named;
  await requireOther(destination, first);
  const production = await runningAt(first, found);
  try {
    const report = await disasterDrill({
      ...{ found, store, keys, production, began, opened, signal, say },
      keep: options.keep === true,
      open: () => openReady(destination, options, found.plan, say, signal),
      onEvent: printEvent,
    });
    await tell(report, production, options);
    if (options.keep)
      say(
        asTyped(
          `It stays there, with real data and the bucket's keys in its folder. Take it away: ${dropCommand({ environment, host: { name: destination } })}`,
        ),
      );
    if (report.outcome === "failed") throw new ExitError(1);
  } finally {
    await production?.site.host.close();
  }
}

/** @throws Problem (2) where the drill would be held on what serves */
async function requireOther(destination: string, first: string | undefined): Promise<void> {
  if (first === undefined) return;
  const [one, other] = await Promise.all([addressesOf(destination), addressesOf(first)]);
  if (destination !== first && !one.some((address) => other.includes(address))) return;
  throw new Problem(
    `${destination} is the host that serves (${first}): nothing was begun`,
    "A drill is held on another, empty one: plimsoll droplet create",
    2,
  );
}

async function addressesOf(destination: string): Promise<string[]> {
  const name = await addressOf(destination, localHost());
  const found = await lookup(name, { all: true }).catch(() => []);
  return [name, ...found.map(({ address }) => address)];
}

/** Production goes on unasked where it does not answer: a drill needs nothing of it. */
async function runningAt(first: string | undefined, { plan }: Recoverable): Promise<Running | undefined> {
  if (first === undefined || first === "local") return undefined;
  if (!(await signOfLife(first, localHost()))) {
    say(`${first} answers on no port: the drill is held without it`);
    return undefined;
  }
  const { environment, name, project, domain } = plan;
  let host: Awaited<ReturnType<typeof openHost>> | undefined;
  try {
    host = await openHost(first);
    return await openRunning(siteOf({ environment, core: { name, project, domain } }, "", host));
  } catch (error) {
    await host?.close();
    if (!(error instanceof Problem)) throw error;
    say(`${first} cannot be asked (${error.message.split("\n")[0]}): the drill is held without it`);
    return undefined;
  }
}

async function tell(
  report: DrillReport,
  production: Running | undefined,
  { json }: DisasterOptions,
): Promise<void> {
  // Kept first: what is on the screen alone is gone with it.
  const kept = await keep(report, production);
  console.log(json ? JSON.stringify(report, null, 2) : drillText(report));
  for (const line of kept) say(asTyped(line));
}

/** Where the others are, or beside us. @returns what was done, in words */
async function keep(report: DrillReport, production: Running | undefined): Promise<string[]> {
  if (production) {
    const { site } = production;
    try {
      const silent = await saveDrill(site, report);
      await appendAudit(site, {
        command: "drill disaster",
        what: report.how,
        outcome: report.outcome === "passed" ? "done" : "failed",
      });
      return [
        ...(silent === undefined ? [] : [`There are no figures of it for Prometheus: ${silent}`]),
        `It is kept: plimsoll drill ${site.environment} show ${report.id}`,
      ];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(`It cannot be kept on ${site.host.name}: ${error.message}`);
    }
  }
  const file = resolve(`drill-${report.id}`);
  await writeFile(`${file}.json`, `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(`${file}.md`, `${drillText(report)}\n`);
  return [
    `It is kept here alone: ${file}.md and .json. No list, figure or alert knows of it, since production could not be reached.`,
  ];
}
