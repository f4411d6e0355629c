/** Whether a backup of the database was restored and found good, and how long ago: as the alerts have it. */
import { longestGap, verifySchedule } from "../../generator/components/backup/schedule.ts";
import type { CheckContext } from "./context.ts";
import { age } from "./figures-text.ts";
import { failed, passed, unavailable, type Verdict } from "./item.ts";
import { nothingRuns } from "./nothing-runs.ts";

/** @param since seconds of the epoch that the proof must be younger than */
export async function proven(context: CheckContext, since = 0): Promise<Verdict> {
  const { backup, site, plan } = context;
  if (!backup)
    return failed("stack.yaml says backup: false", "Remove the word: backups are part of every stack");
  if (!plan.backups.some((one) => "cluster" in one))
    return unavailable("this stack has no PostgreSQL of its own to verify");
  const running = await context.running();
  if (!running) return nothingRuns(context);
  /** Of each repository. */
  const figures = (name: string) =>
    running
      .all("backup")
      .filter((one) => one.startsWith(`${name}{what="postgres"`))
      .map((line) => Number(line.split(" ").at(-1)));
  const least = (values: readonly number[]) => (values.length > 0 ? Math.min(...values) : undefined);
  const remedy = `plimsoll backup ${site.environment} list, then verify`;
  if (figures("verify_last_run_failed").includes(1))
    return failed("the newest backup was restored to try it, and is not good", remedy);
  const schedule = verifySchedule(backup);
  const allowed = longestGap(schedule) + 2 * 3600;
  const now = (await context.machine()).number("now") ?? context.now() / 1000;
  // The repository that was proven longest ago counts: a restore may need any.
  const last = least(figures("verify_last_success_timestamp_seconds"));
  const waiting = now - (last ?? least(figures("oldest_timestamp_seconds")) ?? now);
  if (last === undefined && waiting <= allowed)
    return unavailable(
      `no backup was verified yet; it is due at ${schedule}`,
      `plimsoll backup ${site.environment} verify`,
    );
  if (waiting > allowed) {
    const said =
      last === undefined
        ? `none was ever verified in ${age(waiting)}`
        : `the last good one ${age(waiting)} ago`;
    return failed(`${said}, ${age(allowed)} allowed`, remedy);
  }
  if (last !== undefined && last < since)
    return failed(`the last good one ${age(waiting)} ago, before the release`, remedy);
  return passed(`restored and found good ${age(waiting)} ago, ${age(allowed)} allowed`);
}
