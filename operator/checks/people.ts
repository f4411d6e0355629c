/** The deployment checklist: the day before, the day, after. What can be read is read, the rest a person says. */
import { z } from "zod";
import { applicationCommand } from "./code.ts";
import type { CheckContext, Running } from "./context.ts";
import { age, milliseconds, share } from "./figures-text.ts";
import { backups, monitoring } from "./infrastructure.ts";
import { automatic, failed, type Item, passed, person, unavailable, type Verdict } from "./item.ts";
import { nothingRuns } from "./nothing-runs.ts";
import { proven } from "./proven.ts";

const DAY = 86_400;

/** Advised: a deploy of today does not wait for tomorrow's answers. */
const live = (
  id: string,
  title: string,
  look: (running: Running, context: CheckContext) => Verdict | Promise<Verdict>,
): Item =>
  automatic({
    id,
    title,
    required: false,
    run: async (context) => {
      const running = await context.running();
      return running ? look(running, context) : nothingRuns(context);
    },
  });

async function rollback(context: CheckContext): Promise<Verdict> {
  const facts = await context.machine();
  const kept = facts.all("release").filter((line) => line.endsWith(" superseded"));
  const current = facts.one("current");
  if (current === undefined) return unavailable("nothing is released yet, so there is nothing to go back to");
  const [last] = kept
    .map((line) => line.split(" ")[0] as string)
    .sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  if (last === undefined) return unavailable(`${current} is the first release: there is none before it`);
  return passed(`plimsoll rollback ${context.site.environment} ${last}; it also happens by itself`);
}

const started = live("day.start", "Start", async (running, context) => {
  const current = (await context.machine()).one("current");
  const found = running.all("container").map((line) => line.split(" ") as [string, string, string]);
  const unwell = found
    .filter(([, state, health]) => state !== "running" || !["healthy", "none"].includes(health))
    .map(([name, state, health]) => `${name} is ${state} ${health}`);
  const names = new Set(found.map(([name]) => name));
  const missing = Object.entries(context.plan.services)
    .filter(([name, { one_shot }]) => !one_shot && !names.has(name))
    .map(([name]) => `${name} does not run`);
  const faults = [...missing, ...unwell];
  if (faults.length === 0)
    return passed(`${current ?? "what was brought up"}: ${found.length} services are well`);
  const shown = faults.slice(0, 4).join(", ");
  const more = faults.length > 4 ? ` and ${faults.length - 4} more` : "";
  return failed(`${shown}${more}`, `plimsoll ps ${context.site.environment}`);
});

const logs = live("day.logs", "Logs", (running, { site }) => {
  const counts = running.all("errors").map((line) => line.split(" ") as [string, string]);
  const bad = counts.filter(([, count]) => Number(count) > 0);
  if (counts.length === 0) return unavailable("no process of the application runs");
  if (bad.length === 0) return passed(`no error in ${counts.length} processes in 15 minutes`);
  return failed(
    `${bad.map(([name, count]) => `${name}: ${count}`).join(", ")} errors in 15 minutes`,
    `plimsoll logs ${site.environment} --since 15m --grep error`,
  );
});

const smoke = live("day.smoke", "Smoke tests", (running) => {
  const asked = running.all("smoke").map((line) => line.split(" "));
  if (asked.length === 0) return unavailable("nginx does not run");
  const bad = asked.filter(([status]) => !(Number(status) >= 200 && Number(status) < 400));
  if (bad.length > 0)
    return failed(bad.map((words) => `${words.at(-1)} is answered with ${words[0] || "nothing"}`).join(", "));
  const slowest = Math.max(...asked.map(([, seconds]) => Number(seconds)));
  return passed(`${asked.length} paths answer, the slowest in ${milliseconds(slowest)}`);
});

const errors = live("day.errors", "Error rates", ({ figures }, { objectives, site }) => {
  const now = figures?.get("errors_now");
  if (now === undefined) return unavailable("no request in five minutes, or no Prometheus");
  const said = `${share(now, 3)} in five minutes, ${share(objectives.errors, 3)} allowed`;
  return now <= objectives.errors
    ? passed(said)
    : failed(said, `plimsoll logs ${site.environment} --grep error`);
});

const speed = live("day.performance", "Performance", ({ figures }, { objectives, site }) => {
  const p95 = figures?.get("p95");
  if (p95 === undefined) return unavailable("no request in five minutes, or no Prometheus");
  const said = `p95 ${milliseconds(p95)} in five minutes, ${milliseconds(objectives.p95)} allowed`;
  return p95 <= objectives.p95 ? passed(said) : failed(said, `plimsoll open ${site.environment} grafana`);
});

const ReleaseTime = z.looseObject({ version: z.string(), created: z.iso.datetime() });

async function releaseTime(context: CheckContext): Promise<z.output<typeof ReleaseTime> | undefined> {
  const text = (await context.machine()).encoded("release_json");
  return text === undefined ? undefined : ReleaseTime.parse(JSON.parse(text));
}

async function watched(context: CheckContext): Promise<Verdict> {
  const release = await releaseTime(context);
  if (!release) return unavailable("nothing is released yet");
  const old = (context.now() - Date.parse(release.created)) / 1000;
  if (old < DAY) return unavailable(`${release.version} is ${age(old)} old: ${age(DAY - old)} are left`);
  const running = await context.running();
  const failing = running?.figures?.get("errors");
  if (failing === undefined) return unavailable(`${release.version} is ${age(old)} old; no figures of a day`);
  const said = `${release.version} is ${age(old)} old; ${share(failing, 3)} errors in 24 hours`;
  return failing <= context.objectives.errors
    ? passed(said)
    : failed(said, `plimsoll open ${context.site.environment} grafana`);
}

async function backupSince(context: CheckContext): Promise<Verdict> {
  const release = await releaseTime(context);
  const old = release ? (context.now() - Date.parse(release.created)) / 1000 : undefined;
  if (release && old !== undefined && old < DAY)
    return unavailable(`${release.version} is ${age(old)} old: wait for its first night`);
  const fresh = await backups(context);
  if (fresh.state !== "passed") return fresh;
  return proven(context, release ? Date.parse(release.created) / 1000 : 0);
}

export const before: Item[] = [
  person({
    id: "before.review",
    title: "Final code review",
    hint: "somebody else has read what is new since the current release",
  }),
  automatic({
    id: "before.tests",
    title: "Tests",
    timeout: 900,
    run: (context, signal) => applicationCommand(context, "test", signal),
  }),
  automatic({
    id: "before.backup",
    title: "Database backup taken",
    required: false,
    run: (context) => backups(context, DAY + 2 * 3600),
  }),
  person({
    id: "before.team",
    title: "Team notified",
    hint: "who is on call, support and product know the time",
  }),
  person({
    id: "before.runbook",
    title: "Runbook reviewed",
    hint: "docs/runbooks: deploy, canary, rollback",
  }),
  automatic({ id: "before.rollback", title: "Rollback plan ready", required: false, run: rollback }),
  automatic({ id: "before.monitoring", title: "Monitoring configured", required: false, run: monitoring }),
  person({ id: "before.on-call", title: "On-call engineer assigned", hint: "their name in --by or --note" }),
  person({
    id: "before.timeline",
    title: "Timeline: 3 days of preparation, staging 2, canary 1, production 1, stabilisation 3",
    hint: "about 10 days; nothing else of weight is planned in them",
  }),
];

export const day: Item[] = [
  started,
  logs,
  automatic({ id: "day.metrics", title: "Metrics", required: false, run: monitoring }),
  smoke,
  person({
    id: "day.features",
    title: "Features",
    hint: "sign in, enrol, find a mentor: as a visitor would",
  }),
  errors,
  speed,
  person({
    id: "day.feedback",
    title: "Feedback",
    hint: "support and the first visitors say that all is well",
  }),
];

export const after: Item[] = [
  automatic({ id: "after.watch", title: "Watched for 24 hours", required: false, run: watched }),
  automatic({ id: "after.metrics", title: "Metrics", required: false, run: monitoring }),
  automatic({ id: "after.backups", title: "Backups verified", required: false, run: backupSince }),
  person({
    id: "after.issues",
    title: "Issues documented",
    hint: "what went otherwise than planned is written down",
  }),
];
