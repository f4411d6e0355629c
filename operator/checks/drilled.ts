/** What the last drills said, and whether one is due: as the alerts have it. */
import { type DrillKind, drillEvery } from "../../generator/spec/drills.ts";
import type { CheckContext, Running } from "./context.ts";
import { age } from "./figures-text.ts";
import { failed, passed, unavailable, type Verdict } from "./item.ts";
import { nothingRuns } from "./nothing-runs.ts";
import { proven } from "./proven.ts";

function figure(running: Running, kind: DrillKind, name: string): number | undefined {
  const line = running.all("drill").find((one) => one.startsWith(`${name}{kind="${kind}"`));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

/** A verification is a drill, and proves the backup; the drill says how long it took, and what would have been lost. */
export async function restoreDrilled(context: CheckContext): Promise<Verdict> {
  const verdict = await proven(context);
  const running = await context.running();
  if (verdict.state !== "passed" || !running) return verdict;
  if (figure(running, "restore", "last_failed") === 1) return badDrill(running, "restore", context);
  const rto = figure(running, "restore", "rto_seconds");
  const rpo = figure(running, "restore", "rpo_seconds");
  if (rto === undefined || rpo === undefined) return verdict;
  return passed(`${verdict.said}; RTO ${age(rto)}, RPO ${age(rpo)}`);
}

export async function failoverDrilled(context: CheckContext): Promise<Verdict> {
  const { plan, site } = context;
  const nodes = plan.backups.flatMap((one) => ("cluster" in one ? one.cluster.nodes : []));
  if (nodes.length < 2) return unavailable("there is no replica that could take over");
  const running = await context.running();
  if (!running) return nothingRuns(context);
  const last = figure(running, "failover", "last_timestamp_seconds");
  const every = drillEvery("failover", { drills: context.drills }, site.environment, true);
  const remedy = `plimsoll drill ${site.environment} failover --and-back`;
  if (last === undefined) {
    const said = "none was held yet";
    return every === undefined ? unavailable(said, remedy) : failed(said, remedy);
  }
  if (figure(running, "failover", "last_failed") === 1) return badDrill(running, "failover", context);
  const now = (await context.machine()).number("now") ?? context.now() / 1000;
  const waiting = now - last;
  const silence = figure(running, "failover", "rto_seconds");
  const said = `held ${age(waiting)} ago${silence === undefined ? "" : `, ${age(silence)} without writes`}`;
  return every !== undefined && waiting > every
    ? failed(`${said}, every ${age(every)} wanted`, remedy)
    : passed(said);
}

function badDrill(running: Running, kind: DrillKind, { objectives, site }: CheckContext): Verdict {
  const missed = (["rto", "rpo"] as const).flatMap((word) => {
    const value = figure(running, kind, `${word}_seconds`);
    return value !== undefined && value > objectives[word]
      ? [`${word.toUpperCase()} ${age(value)}, ${age(objectives[word])} promised`]
      : [];
  });
  return failed(
    `the last ${kind} drill failed${missed.length > 0 ? `: ${missed.join("; ")}` : ""}`,
    `plimsoll drill ${site.environment} list, then show`,
  );
}
