/** Infrastructure: environment, backups, certificate, monitoring, logs, error tracking, CDN. */
import { z } from "zod";
import { type Alertmanager, pagedBy } from "../../generator/components/alertmanager/options.ts";
import { longestGap } from "../../generator/components/backup/schedule.ts";
import type { CheckContext } from "./context.ts";
import { failoverDrilled, restoreDrilled } from "./drilled.ts";
import { age } from "./figures-text.ts";
import { automatic, failed, type Item, passed, unavailable, type Verdict } from "./item.ts";
import { nothingRuns } from "./nothing-runs.ts";

const local = ({ site }: CheckContext) => site.environment === "local";

async function environment(context: CheckContext): Promise<Verdict> {
  const supplied = context.plan.secrets.filter(({ kind }) => kind === "supplied").map(({ name }) => name);
  const machine = await context.machine();
  const sizes = new Map(
    machine.all("secret").map((line) => {
      const [size, ...name] = line.split(" ");
      return [name.join(" "), Number(size)];
    }),
  );
  const missing = supplied.filter((name) => !sizes.has(name));
  const empty = supplied.filter((name) => sizes.get(name) === 0);
  // A person's laptop needs no key of a mail service.
  if (missing.length === 0 && (empty.length === 0 || local(context))) {
    const said = `${supplied.length} secrets that a person supplies are there`;
    return passed(empty.length > 0 ? `${said}, ${empty.length} empty as in local they may` : said);
  }
  const said = [
    ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
    ...(empty.length > 0 ? [`empty: ${empty.join(", ")}`] : []),
  ].join("; ");
  const [first] = [...missing, ...empty];
  const variable = Object.keys(context.api.secrets).find((key) => `api_${key.toLowerCase()}` === first);
  return failed(said, `plimsoll secrets ${context.site.environment} set ${variable ?? first}`);
}

/** The newest good backup of each thing that is backed up, in seconds of the epoch. */
export function newestBackups(lines: readonly string[]): Map<string, number> {
  const newest = new Map<string, number>();
  for (const line of lines) {
    const match = /^last_success_timestamp_seconds\{what="([^"]+)"[^}]*\} (\S+)$/.exec(line);
    if (match)
      newest.set(match[1] as string, Math.max(newest.get(match[1] as string) ?? 0, Number(match[2])));
  }
  return newest;
}

export async function backups(context: CheckContext, longest?: number): Promise<Verdict> {
  if (!context.backup)
    return failed("stack.yaml says backup: false", "Remove the word: backups are part of every stack");
  const running = await context.running();
  if (!running) return nothingRuns(context);
  const lines = running.all("backup");
  const remedy = `plimsoll logs ${context.site.environment} --service backup-postgres`;
  const bad = lines.flatMap((line) => /^last_run_failed\{what="([^"]+)"[^}]*\} 1$/.exec(line)?.[1] ?? []);
  if (bad.length > 0) return failed(`the last try failed: ${[...new Set(bad)].join(", ")}`, remedy);
  const newest = newestBackups(lines);
  const wanted = context.plan.backups.some((one) => "cluster" in one) ? ["postgres"] : [];
  const none = wanted.filter((what) => !newest.has(what));
  if (none.length > 0 || newest.size === 0)
    return failed(`no good backup of ${none.join(", ") || "anything"} yet`, remedy);
  // As the alert has it: what the schedule leaves, and two hours to finish.
  const allowed = longest ?? longestGap(context.backup.schedule) + 2 * 3600;
  const now = (await context.machine()).number("now") ?? context.now() / 1000;
  const [what, oldest] = [...newest].sort(([, a], [, b]) => a - b)[0] as [string, number];
  const said = `${newest.size} things, the oldest (${what}) ${age(now - oldest)} ago, ${age(allowed)} allowed`;
  return now - oldest <= allowed ? passed(said) : failed(said, remedy);
}

const Certificate = z.looseObject({
  found: z.string(),
  notAfter: z.number(),
  served: z.boolean(),
  failures: z.number().default(0),
  reason: z.string().default(""),
});

async function certificate(context: CheckContext): Promise<Verdict> {
  if (local(context)) return unavailable("local is plain HTTP");
  const running = await context.running();
  if (!running) return nothingRuns(context);
  const text = running.one("certificate");
  const remedy = "docs/runbooks/certificates.md";
  if (text === undefined) return unavailable("the certificates service does not answer", remedy);
  const { found, notAfter, served, failures, reason } = Certificate.parse(JSON.parse(text));
  if (found !== "issued")
    return failed(`${found || "none"}${failures > 0 ? ` after ${failures} tries: ${reason}` : ""}`, remedy);
  const left = notAfter - ((await context.machine()).number("now") ?? context.now() / 1000);
  if (left < 7 * 86_400) return failed(`ends in ${age(left)}${reason ? `: ${reason}` : ""}`, remedy);
  return served ? passed(`issued, ends in ${age(left)}`) : failed("issued, and nginx serves another", remedy);
}

export async function monitoring(context: CheckContext): Promise<Verdict> {
  if (context.plan.services.prometheus === undefined)
    return failed("stack.yaml says monitoring: false", "Remove the word");
  const running = await context.running();
  if (!running) return nothingRuns(context);
  const [all, up] = [running.figures?.get("targets"), running.figures?.get("targets_up")];
  const remedy = `plimsoll open ${context.site.environment} prometheus`;
  if (all === undefined || up === undefined) return failed("Prometheus does not answer", remedy);
  const firing = running.figures?.get("firing") ?? 0;
  if (up < all) return failed(`${up} of ${all} targets are up`, remedy);
  return passed(`${up} of ${all} targets are up, ${firing} pages firing`);
}

/** A laptop wakes nobody, and what is tried in staging need not. */
function told({ alertmanager, site }: CheckContext): Alertmanager | Verdict {
  if (site.environment === "local") return unavailable("local wakes nobody");
  return alertmanager ?? unavailable("the stack has no Alertmanager");
}

async function alerts(context: CheckContext): Promise<Verdict> {
  const found = told(context);
  if ("state" in found) return found;
  const names = pagedBy(found.receivers);
  if (names.length === 0) {
    const remedy = "monitoring: { alertmanager: { receivers: [{ name: ops, type: slack }] } }";
    return context.site.environment === "production"
      ? failed("nobody is told of a page", remedy)
      : unavailable("nobody is told of a page, as outside production may be", remedy);
  }
  const running = await context.running();
  if (!running) return nothingRuns(context);
  return running.one("alertmanager") === "answers"
    ? passed(`${names.join(", ")}; Alertmanager answers`)
    : failed(
        "Alertmanager does not answer",
        `plimsoll logs ${context.site.environment} --service alertmanager`,
      );
}

async function logging(context: CheckContext): Promise<Verdict> {
  const running = await context.running();
  if (!running) return nothingRuns(context);
  const containers = running.all("container").map((line) => line.split(" "));
  const endless = containers
    .filter(([, , , driver, limit]) => driver === "json-file" && limit === "-")
    .map(([name]) => name);
  if (endless.length > 0)
    return failed(`logs without a limit: ${endless.join(", ")}`, "plimsoll deploy puts it right");
  const elk = containers.find(([name]) => name === "elasticsearch");
  if (elk && elk[2] !== "healthy") return failed(`elasticsearch is ${elk[2]}`, "docs/runbooks");
  return passed(
    `${containers.length} services within a limit${elk ? ", searched with Kibana" : "; read with plimsoll logs"}`,
  );
}

async function errorTracking(context: CheckContext): Promise<Verdict> {
  const name = Object.keys(context.api.secrets).find((key) => /DSN$/.test(key));
  const remedy = `api: { secrets: { SENTRY_DSN: supply } }, then plimsoll secrets ${context.site.environment} set SENTRY_DSN`;
  if (name === undefined) return failed("the application has no secret that ends in DSN", remedy);
  const machine = await context.machine();
  return machine.all("dsn").includes(`api_${name.toLowerCase()}`)
    ? passed(`${name} is set`)
    : failed(`${name} is empty, or no address`, `plimsoll secrets ${context.site.environment} set ${name}`);
}

function cdn({ api, site }: CheckContext): Verdict {
  const url = api.frontend.VITE_API_URL;
  const wanted = `https://${site.domain}`;
  if (url === undefined)
    return failed("api.frontend has no VITE_API_URL", `api: { frontend: { VITE_API_URL: ${wanted} } }`);
  if (site.environment === "local") return unavailable("the front end on its CDN does not speak to local");
  return url === wanted || String(url).startsWith(`${wanted}/`)
    ? passed(`VITE_API_URL is ${url}`)
    : failed(
        `VITE_API_URL is ${url}, the stack answers as ${wanted}`,
        `environments: { ${site.environment}: { api: { frontend: { VITE_API_URL: ${wanted} } } } }`,
      );
}

/** What a dead host, or a dead Alertmanager, cannot say of itself. */
function watchdog(context: CheckContext): Verdict {
  const found = told(context);
  if ("state" in found) return found;
  return found.watchdog
    ? passed("a URL is called every minute while monitoring works")
    : failed(
        "nobody notices when monitoring itself dies, or the host",
        "monitoring: { alertmanager: { watchdog: true } }: docs/runbooks/host-loss.md",
      );
}

export const infrastructure: Item[] = [
  automatic({ id: "infrastructure.environment", title: "Environment variables", run: environment }),
  automatic({
    id: "infrastructure.backups",
    title: "Database backups, fresh",
    run: (context) => backups(context),
  }),
  automatic({
    id: "infrastructure.restore",
    title: "Restore drill",
    holds: 30,
    run: (context) => restoreDrilled(context),
  }),
  automatic({
    id: "infrastructure.failover",
    title: "Failover drill",
    required: false,
    holds: 90,
    run: (context) => failoverDrilled(context),
  }),
  automatic({ id: "infrastructure.certificate", title: "TLS certificates", run: certificate }),
  automatic({ id: "infrastructure.monitoring", title: "Monitoring", run: monitoring }),
  automatic({ id: "infrastructure.alerts", title: "Somebody is told of pages", run: alerts }),
  automatic({
    id: "infrastructure.watchdog",
    title: "Somebody notices when monitoring dies",
    required: false,
    run: watchdog,
  }),
  automatic({ id: "infrastructure.logging", title: "Logging", required: false, run: logging }),
  automatic({ id: "infrastructure.errors", title: "Error tracking", required: false, run: errorTracking }),
  automatic({ id: "infrastructure.cdn", title: "CDN", required: false, run: cdn }),
];
