import { Argument, Command } from "commander";
import { printable } from "../generator/report/paint.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { promisedBy } from "../operator/drill/basis.ts";
import { failoverDrill, judgeFailoverDrill } from "../operator/drill/failover.ts";
import type { DrillReport } from "../operator/drill/report.ts";
import { judgeRestoreDrill, restoreDrill } from "../operator/drill/restore.ts";
import { findDrill, readDrills, saveDrill, traceText } from "../operator/drill/store.ts";
import { drillLines, drillText } from "../operator/drill/text.ts";
import { openRunning, type Running } from "../operator/operate/running.ts";
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import { addStoreOptions } from "./dr-store.ts";
import { type DisasterOptions, disaster } from "./drill-disaster.ts";
import { ExitError } from "./exit.ts";
import { asTyped } from "./hint.ts";
import { confirmName } from "./operate.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";

type Action = "restore" | "failover" | "disaster" | "list" | "show";
type Options = SiteOptions & DisasterOptions & { andBack?: boolean; confirm?: string };

export function drillCommand(): Command {
  return addStoreOptions(onSite(new Command("drill")))
    .addArgument(
      new Argument("<action>", "what to do").choices(["restore", "failover", "disaster", "list", "show"]),
    )
    .argument("[id]", "of one drill: for show")
    .description(
      "restore: the newest data into a copy, timed, looked into, thrown away. failover: the replica takes over for real, under a probe. disaster: the whole stack on an empty host (--host), from the bucket and the recovery key, cut off from the world, looked into, taken away. All are judged against objectives.rto and rpo. list, show: what came of them",
    )
    .option("--and-back", "for failover: promote back afterwards, so that the node leads that led before")
    .option("--confirm <name>", "for failover: the stack's name; nobody is asked")
    .option("--identity <file>", "for disaster: the recovery key, as `plimsoll dr key` wrote it")
    .option("--bundle <name>", "for disaster: another bundle than the newest")
    .option("--keep", "for disaster: what came up stays on its host, to be looked at")
    .option("--drop", "for disaster: takes away what was kept on --host")
    .option("--json", "the result as JSON on stdout")
    .action(
      async (environment: EnvironmentKind, action: Action, id: string | undefined, options: Options) => {
        // Its host is another one, and it needs no stack.yaml.
        if (action === "disaster")
          return disaster(environment, options, () => requireWords(environment, action, id, options));
        await withSite(
          environment,
          options,
          async (work) => {
            requireWords(environment, action, id, options);
            if (action === "list") return list(work, options);
            if (action === "show") return show(work, id as string, options);
            return hold(work, action, options);
          },
          async () =>
            action === "failover"
              ? `Interrupted. What had begun on the host goes on. How it is: plimsoll ps ${environment}`
              : "Interrupted: what was restored is taken away, and no report is left.",
        );
      },
    );
}

const OF_DISASTER = ["identity", "bundle", "keep", "drop", "repository", "region", "ca"] as const;

function requireWords(
  environment: EnvironmentKind,
  action: Action,
  id: string | undefined,
  options: Options,
): void {
  const { andBack, confirm } = options;
  const usage = (message: string, remedy: string) =>
    new Problem(message, `plimsoll drill ${environment} ${remedy}`, 2);
  if (andBack && action !== "failover")
    throw usage(`--and-back is for failover, not for ${action}`, "failover --and-back");
  if (confirm !== undefined && action !== "failover")
    throw usage(`--confirm is for failover: ${action} touches nothing that serves`, action);
  const given = OF_DISASTER.find((word) => options[word] !== undefined);
  if (given !== undefined && action !== "disaster")
    throw usage(`--${given} is for disaster, not for ${action}`, `disaster --${given} …`);
  if (options.keep && options.drop) throw usage("--keep and --drop are two things", "disaster --drop");
  if (action === "show" && id === undefined) throw usage("show which?", "show ID");
  if (action !== "show" && id !== undefined)
    throw usage(`${action} takes no id, found ${JSON.stringify(id)}`, action);
}

async function list({ site }: Work, { json }: Options): Promise<void> {
  const drills = await readDrills(site);
  const { reports, now, trace, silent } = drills;
  if (json) return console.log(JSON.stringify(drills, null, 2));
  for (const line of drillLines(reports, now, paintFor(process.stdout))) console.log(line);
  if (reports.length === 0) console.error("No drill was held yet.");
  if (trace) console.error(printable(traceText(trace)));
  if (silent !== undefined)
    console.error(printable(`Those of the schedule are not among them: backup-postgres says: ${silent}`));
}

async function show({ site }: Work, id: string, { json }: Options): Promise<void> {
  const report = findDrill(await readDrills(site), id, site.environment);
  console.log(json ? JSON.stringify(report, null, 2) : drillText(report));
}

const tell = (line: string) => console.error(`     ${printable(line)}`);

async function hold(work: Work, kind: "restore" | "failover", options: Options): Promise<void> {
  const { site, signal } = work;
  const running = await openRunning(site);
  requireUnlocked((await readLock(site)).lock, site.environment);
  const { trace } = await readDrills(site);
  if (trace) console.error(printable(traceText(trace)));
  const act =
    kind === "restore" ? await restoreAct(running, signal) : await failoverAct(running, options, signal);
  const report = await audited(site, { command: `drill ${kind}`, what: act.what }, act.run);
  const silent = await saveDrill(site, report);
  console.log(options.json ? JSON.stringify(report, null, 2) : drillText(report));
  if (silent !== undefined) console.error(printable(`There are no figures of it for Prometheus: ${silent}`));
  console.error(asTyped(`It is kept: plimsoll drill ${site.environment} show ${report.id}`));
  if (report.outcome === "failed") throw new ExitError(1);
}

type Act = { what: string; run(): Promise<DrillReport> };

async function restoreAct(running: Running, signal: AbortSignal): Promise<Act> {
  const drill = await judgeRestoreDrill(running);
  return {
    what: `a copy of the newest data, from ${drill.restoration.sets[0]}`,
    run: () => restoreDrill(running, drill, promisedBy(running.project.plan), { onLine: tell, signal }),
  };
}

async function failoverAct(running: Running, options: Options, signal: AbortSignal): Promise<Act> {
  const drill = await judgeFailoverDrill(running, options.andBack === true);
  await confirmName(drill.warning, running.site.stack, options.confirm);
  return {
    what: drill.what,
    run: () => failoverDrill(running, drill, promisedBy(running.project.plan), { onLine: tell, signal }),
  };
}
