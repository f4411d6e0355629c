import { Argument, Command, InvalidArgumentError } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import type { Spec } from "../generator/spec/load.ts";
import { Duration } from "../generator/spec/words.ts";
import { matcherText } from "../operator/observe/alertmanager.ts";
import { firingOf, silencesOf, watchdogFires } from "../operator/observe/alerts.ts";
import { type AlertsFound, alertsText } from "../operator/observe/alerts-text.ts";
import { askMonitoring } from "../operator/observe/monitoring.ts";
import { testReceivers } from "../operator/observe/receivers-test.ts";
import { triedText } from "../operator/observe/receivers-test-text.ts";
import {
  addSilence,
  alsoSilenced,
  expireSilences,
  matchersOf,
  silencesMeant,
} from "../operator/observe/silences.ts";
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import { whoami } from "../operator/settings/who.ts";
import type { Site } from "../operator/site/site.ts";
import { ExitError } from "./exit.ts";
import { asTyped } from "./hint.ts";
import { paintFor, widthOf } from "./screen.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";

const ACTIONS = ["list", "test", "silence", "unsilence"] as const;
type Action = (typeof ACTIONS)[number];
type Options = SiteOptions & { for?: number; reason?: string; by?: string; wait: number; json?: boolean };

export function alertsCommand(): Command {
  return onSite(new Command("alerts"))
    .addArgument(new Argument("<action>", "what to do").choices(ACTIONS))
    .argument(
      "[what...]",
      "test: receivers, all if none. silence: an alert, or matchers (layer=database). unsilence: ids, alerts, or all",
    )
    .description(
      "list: what fires, and whether people are told. test: one through each receiver, until it is delivered. silence, unsilence: keep one quiet for a while",
    )
    .option("--for <duration>", "silence: how long, 30m, 2h, 1d", duration)
    .option("--reason <text>", "silence: why; it is shown with what it keeps quiet", line)
    .option("--by <name>", "silence: who, if not you", line)
    .option("--wait <duration>", "test: how long a receiver may take", duration, 30)
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, action: Action, what: string[], options: Options) => {
      await withSite(environment, options, async (work) => {
        requireWords(environment, action, what, options);
        if (!work.spec.options.has("alertmanager"))
          throw new Problem(
            `${environment} has no Alertmanager: stack.yaml says so`,
            "Remove monitoring: false, or monitoring.alertmanager: false, and deploy.",
            2,
          );
        if (action === "list") return list(work, options);
        if (action === "test") return test(work, what, options);
        if (action === "silence") return silence(work, what, options);
        return unsilence(work, what, options);
      });
    });
}

/** Faults of what was typed, before the host is asked. @throws Problem (2) */
function requireWords(environment: string, action: Action, what: readonly string[], options: Options): void {
  const usage = (message: string, remedy: string) =>
    new Problem(message, `plimsoll alerts ${environment} ${remedy}`, 2);
  const own = [
    ["--for", options.for],
    ["--reason", options.reason],
    ["--by", options.by],
  ] as const;
  const stray = own.find(([, value]) => value !== undefined);
  if (stray && action !== "silence") throw usage(`${stray[0]} is for silence, not for ${action}`, action);
  if (action === "list" && what.length > 0)
    throw usage(`list takes nothing more, found ${JSON.stringify(what[0])}`, "list");
  if (action !== "silence") return;
  const example = 'silence HostDiskFilling --for 2h --reason "moving the logs"';
  if (options.for === undefined) throw usage("for how long? A silence without an end is forgotten", example);
  if (options.reason === undefined) throw usage("why? Whoever wonders must find out", example);
}

/** What Alertmanager knows. @throws Problem where it does not answer */
async function heard(site: Site, signal: AbortSignal) {
  const { alertmanager } = await askMonitoring(site, {}, signal);
  if ("what" in alertmanager) return alertmanager.what;
  throw new Problem(
    `Alertmanager does not answer: ${alertmanager.why}`,
    `plimsoll ps ${site.environment}\nplimsoll logs ${site.environment} --service alertmanager`,
  );
}

async function list({ site, signal }: Work, { json }: Options): Promise<void> {
  const { alerts, silences } = await heard(site, signal);
  const found: AlertsFound = {
    now: Math.floor(Date.now() / 1000),
    firing: firingOf(alerts, silences),
    silences: silencesOf(silences),
    watched: watchdogFires(alerts),
  };
  console.log(
    json
      ? JSON.stringify(found, null, 2)
      : alertsText(found, paintFor(process.stdout), widthOf(process.stdout)),
  );
  if (!found.watched) throw new ExitError(1);
}

async function test({ site, spec, signal }: Work, only: string[], { wait, json }: Options): Promise<void> {
  console.error("One alert through each receiver; people may be told that it is a test.");
  const tried = await testReceivers(site, { only, wait, by: whoami(), types: typesOf(spec), signal });
  console.log(json ? JSON.stringify(tried, null, 2) : triedText(tried, paintFor(process.stdout)));
  if (tried.some(({ outcome }) => outcome === "failed")) {
    console.error(
      asTyped(
        `A receiver's secret: plimsoll secrets ${site.environment} set alertmanager_NAME\nAll that Alertmanager said: plimsoll logs ${site.environment} --service alertmanager`,
      ),
    );
    throw new ExitError(1);
  }
}

function typesOf({ options }: Spec): Record<string, string> {
  const { receivers, watchdog } = options.get("alertmanager") as {
    receivers: { name: string; type: string }[];
    watchdog: boolean;
  };
  return Object.fromEntries([
    ...receivers.map(({ name, type }) => [name, type]),
    ...(watchdog ? [["watchdog", "watchdog"]] : []),
  ]);
}

async function silence({ site, signal }: Work, what: string[], options: Options): Promise<void> {
  const matchers = matchersOf(what);
  const text = matchers.map(matcherText).join(" ");
  const { for: seconds = 0, reason = "", by = whoami() } = options;
  const id = await audited(
    site,
    { command: "alerts silence", what: `silenced ${text} for ${seconds} s: ${reason}` },
    () => addSilence(site, { matchers, seconds, reason, by }),
  );
  for (const more of alsoSilenced(matchers)) console.error(`It silences ${more}, too.`);
  const made = silencesOf((await heard(site, signal)).silences).find((one) => one.id === id);
  if (options.json) console.log(JSON.stringify(made ?? { id, matchers: text }, null, 2));
  else
    console.error(
      asTyped(
        `${text} is silent until ${made ? new Date(made.until * 1000).toISOString() : "then"} (${id.slice(0, 8)})\nSooner: plimsoll alerts ${site.environment} unsilence ${id.slice(0, 8)}`,
      ),
    );
}

async function unsilence({ site, signal }: Work, what: string[], { json }: Options): Promise<void> {
  const meant = silencesMeant(silencesOf((await heard(site, signal)).silences), what, site.environment);
  if (meant.length > 0) {
    const told = meant.map(({ matchers }) => matchers).join(", ");
    await audited(site, { command: "alerts unsilence", what: `no longer silent: ${told}` }, () =>
      expireSilences(
        site,
        meant.map(({ id }) => id),
      ),
    );
  }
  if (json) console.log(JSON.stringify(meant, null, 2));
  else if (meant.length === 0) console.error("No silence was in force.");
  else for (const { matchers } of meant) console.error(`${matchers} is no longer silent.`);
}

function duration(text: string): number {
  const parsed = Duration.safeParse(text);
  if (!parsed.success || parsed.data < 1)
    throw new InvalidArgumentError("Expected a duration such as 30s, 2h or 1d.");
  return Math.ceil(parsed.data);
}

function line(text: string): string {
  const plain = text.trim();
  if (plain === "" || plain.length > 300 || /\p{Cc}/u.test(plain))
    throw new InvalidArgumentError("Expected one line of at most 300 characters.");
  return plain;
}
