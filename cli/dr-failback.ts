import { Command } from "commander";
import type { PlanJson } from "../generator/render/plan-json.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { type FailbackPlan, type FailedBack, failback } from "../operator/failback/failback.ts";
import { hostLeft, outageText } from "../operator/failback/judge.ts";
import { giveBack } from "../operator/failback/undo.ts";
import { Problem } from "../operator/problem.ts";
import { openRecovery } from "../operator/recovery/open.ts";
import { audited } from "../operator/settings/audit.ts";
import { destinationOf, siteOf } from "../operator/site/open.ts";
import type { Site } from "../operator/site/site.ts";
import { firstBackup } from "./dr-activate.ts";
import { type Dns, prepareDns } from "./dr-dns.ts";
import { unexplained } from "./dr-gone.ts";
import { openReady } from "./dr-host.ts";
import { identityOf } from "./dr-identity.ts";
import { addStoreOptions, keysOf, repositoryOf, type StoreOptions } from "./dr-store.ts";
import { asTyped, remember } from "./hint.ts";
import { type HostOptions, openHost } from "./host-option.ts";
import { confirmName, operate } from "./operate.ts";
import { printEvent } from "./release-work.ts";
import { onSite } from "./site.ts";

type Options = HostOptions &
  StoreOptions & {
    stack?: string;
    from?: string;
    identity: string;
    undo?: boolean;
    fenced?: string;
    confirm?: string;
    json?: boolean;
  };

export function failbackCommand(): Command {
  return addStoreOptions(onSite(new Command("failback")))
    .description(
      "the whole stack from the host that serves to another, planned: nothing is lost, the outage is said before",
    )
    .requiredOption("--identity <file>", "the recovery key, as `plimsoll dr key` wrote it")
    .option("--from <host>", "the host that serves now; as the bucket or stack.yaml has it if absent")
    .option("--undo", "the old host serves again, as long as the new one never did")
    .option(
      "--fenced <host>",
      "with --undo: the new host cannot be asked, and you have seen to it that nothing of the stack runs there",
    )
    .option("--confirm <name>", "the stack's name, instead of being asked")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      // Without its host: what is printed means the old one or the new one, and says which.
      remember({ stack: options.stack });
      const run = options.undo ? undo : move;
      await operate(
        (signal) => run(environment, options, signal),
        async () =>
          "Interrupted here. What was begun on a host goes on. Run this again: it goes on from there. With --undo the old host serves again.",
      );
    });
}

const say = (line: string) => console.error(line);

async function move(environment: EnvironmentKind, options: Options, signal: AbortSignal): Promise<void> {
  const { store, stack, dr } = await repositoryOf(environment, options);
  const { identity } = await identityOf(options.identity);
  const keys = await keysOf(store);
  const found = await openRecovery({ store, keys, identity, environment, stack });
  const { name, project, domain } = found.plan;
  const destination = newHost(options);
  const from = hostLeft({ from: options.from, to: destination }, found);
  if (from === undefined || from === "local")
    throw new Problem("which host serves now is not known", "Name it: --from deploy@203.0.113.7", 2);
  const dns = await prepareDns(dr ?? found.dr, domain, destination, signal);
  const leaving = await openHost(from).catch((error: Error) => {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(
      `${error.message}`,
      `${error.remedy ? `${error.remedy}\n` : ""}A host that is gone is not moved: plimsoll dr activate ${environment}`,
    );
  });
  try {
    const freshHost = await openReady(destination, options, found.plan, say, signal);
    try {
      const core = { name, project, domain };
      const old = siteOf({ environment, core }, "", leaving);
      const fresh = siteOf({ environment, core }, "", freshHost);
      const what = `moved from ${leaving.name} to ${freshHost.name}`;
      const done = await audited(old, { command: "dr failback", what }, () =>
        failback({
          ...{ old, fresh, found, store, keys, identity, say, signal },
          onEvent: printEvent,
          agree: (plan) => confirmName(planText(plan), plan.stack, options.confirm),
          requireGone: (host) => requireGone(host, options.fenced),
        }),
      );
      report(done, dns, options);
      await dns.pointThen(say, () => firstBackup(fresh, found.plan, say, signal));
      say(asTyped(nextText(environment, done, old, found.plan)));
    } finally {
      await freshHost.close();
    }
  } finally {
    await leaving.close();
  }
}

function newHost({ host }: Options): string {
  if (host !== undefined && host !== "local") return host;
  throw new Problem("to which host?", "--host root@203.0.113.8: an empty Debian or Ubuntu", 2);
}

/** The bucket may be what failed: stack.yaml knows the rest, and what the bucket is needed for is said where it is. */
async function undo(environment: EnvironmentKind, options: Options): Promise<void> {
  const { store, stack, core } = await repositoryOf(environment, options);
  const { identity } = await identityOf(options.identity);
  const keys = await keysOf(store);
  const destination = newHost(options);
  const found = await openRecovery({ store, keys, identity, environment, stack }).catch((error: Error) => {
    if (!core || !(error instanceof Problem)) throw error;
    say(`${error.message}: stack.yaml is asked instead`);
    return undefined;
  });
  const whose = core ?? found?.plan;
  const otherwise = core && destinationOf({ environment, core }, undefined);
  const from = hostLeft({ from: options.from, to: destination, otherwise }, found);
  if (whose === undefined || from === undefined)
    throw new Problem("which host is to serve again is not known", "Name it: --from deploy@203.0.113.7", 2);
  const { name, project, domain } = whose;
  const leaving = await openHost(from);
  try {
    // One that does not let us in is judged by whether anything answers there.
    const freshHost = await openHost(destination).catch(() => undefined);
    try {
      const old = siteOf({ environment, core: { name, project, domain } }, "", leaving);
      const fresh = freshHost && siteOf({ environment, core: { name, project, domain } }, "", freshHost);
      const what = `the move to ${destination} given back`;
      await confirmName(
        `${name} ${environment} serves on ${leaving.name} again. What was begun on ${destination} is taken away.`,
        name,
        options.confirm,
      );
      const seconds = await audited(old, { command: "dr failback --undo", what }, () =>
        giveBack({
          ...{ old, fresh, to: destination, store, keys, say },
          requireGone: (host) => requireGone(host, options.fenced),
        }),
      );
      if (options.json) console.log(JSON.stringify({ host: leaving.name, seconds: round(seconds) }, null, 2));
      else say(`\n${leaving.name} serves again, after ${seconds.toFixed(1)} s. Nothing was lost.`);
    } finally {
      await freshHost?.close();
    }
  } finally {
    await leaving.close();
  }
}

/** The same judgement as `dr activate` has of a host that was lost. @throws Problem where it answers and nobody vouches */
async function requireGone(host: string, fenced: string | undefined): Promise<void> {
  const answer = await unexplained(host, fenced);
  if (!answer) return;
  throw new Problem(
    `${host} is alive (it ${answer.how} on port ${answer.port}), and does not say whether it serves`,
    [
      "Two sites must not serve one name. Nothing more was changed.",
      "Switch it off in the provider's console, and run this again with --undo.",
      `In the knowledge that nothing of the stack runs there: --undo --fenced ${host}`,
    ].join("\n"),
  );
}

const round = (seconds: number) => Math.round(seconds * 10) / 10;

function planText({ stack, environment, from, to, outage, again, backup }: FailbackPlan): string {
  return [
    `${stack} ${environment} ${again ? "goes on to move" : "moves"} from ${from} to ${to}.`,
    ...(backup ? ["The newest backup is over an hour old: another is made first, while it serves."] : []),
    `Then every request is answered 503 for ${outageText(outage)}, and longer by the images that the new host has to get first. Nothing that was acknowledged is lost.`,
    "Until the new host serves, it can be given back: the same with --undo.",
  ].join("\n");
}

export function lossText({ from, end, checked }: Pick<FailedBack, "from" | "end" | "checked">): string[] {
  if (!end) return [];
  const where = `the log of ${from} ended at ${end.lsn} on timeline ${end.timeline}`;
  return [
    checked
      ? `RPO 0: ${where}, and the new site goes on from there.`
      : `RPO not checked: ${where}, and the new site was not held against it before it served (it was activated by hand?).`,
  ];
}

function report(done: FailedBack, { record }: Dns, { json }: Options): void {
  const { activated, from, outage, end, checked } = done;
  const { version, host } = activated;
  if (json)
    console.log(
      JSON.stringify(
        {
          ...activated,
          from,
          outage: outage === undefined ? null : round(outage),
          // Nobody compared: that is no proof.
          lost: checked ? 0 : null,
          end: end ?? null,
          dns: record,
        },
        null,
        2,
      ),
    );
  say(`\n${version} (${activated.release} of before) serves on ${host}.`);
  if (outage !== undefined)
    say(`Outage, from the maintenance page to answers through the new door: ${outage.toFixed(1)} s`);
  for (const line of lossText(done)) say(line);
}

type Left = Pick<Site, "project" | "root">;

/** @param left the site that was left @param backups of the plan */
export function nextText(
  environment: string,
  {
    activated: { host, begun },
    from,
  }: Pick<FailedBack, "from"> & { activated: { host: string; begun: string } },
  { project, root }: Left,
  { backups }: Pick<PlanJson, "backups">,
): string {
  const later = backups.flatMap((offer) => ("volume" in offer && offer.broughtBy ? [offer.what] : []));
  const ours = `--filter label=com.docker.compose.project=${project}`;
  return [
    `Into stack.yaml, and commit it: environments.${environment}.host: ${host}`,
    ...later.map(
      (what) =>
        `Of ${what} nothing has come along yet: plimsoll restore ${environment} --host ${host} --files ${what} --to "${begun.slice(0, 19).replace("T", " ")}+00"`,
    ),
    `${from} answers 503 until it is taken down, and starts no database any more. When DNS has arrived everywhere: destroy it (plimsoll droplet destroy), or empty it and keep it as the next disaster site. On ${from}, and there alone:`,
    `  cd / && docker compose -p ${project} down --volumes --remove-orphans`,
    `  docker volume ls -q ${ours} | xargs -r docker volume rm`,
    `  find ${root} -mindepth 1 -delete`,
  ].join("\n");
}
