/** `alerts silence` and `unsilence`: keeping an alert quiet for a while, with a reason and a name. */
import { listOwn, readOwn } from "../../generator/package.ts";
import { nearest } from "../../generator/spec/nearest.ts";
import { parseFacts } from "../checks/facts.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { type Matcher, matcherText } from "./alertmanager.ts";
import { type Silence, TEST_ALERT, WATCHDOG } from "./alerts.ts";

const MATCHER = /^([A-Za-z_][A-Za-z0-9_]*)(=~|!~|!=|=)(.*)$/s;

/**
 * An alert's name, or matchers as in a rule: `layer=database`, `instance=~"api-.*"`.
 * @throws Problem (2) for a name that no rule has, or a pattern that is none
 */
export function matchersOf(words: readonly string[]): Matcher[] {
  if (words.length === 0)
    throw new Problem(
      "silence what?",
      'An alert (HostDiskFilling), or matchers (layer=database instance=~"api-.*").',
      2,
    );
  return words.map(matcherOf);
}

function matcherOf(word: string): Matcher {
  const match = MATCHER.exec(word);
  if (!match) {
    const known = alertNames();
    if (known.includes(word)) return { name: "alertname", value: word, isRegex: false, isEqual: true };
    const near = nearest(word, known);
    throw new Problem(
      `there is no alert ${JSON.stringify(word)}${near ? `; did you mean ${near}?` : ""}`,
      "What fires: plimsoll alerts ENV list. By label instead: layer=database",
      2,
    );
  }
  const [, name, operator, text] = match as unknown as [string, string, string, string];
  const value = /^".*"$/s.test(text) ? text.slice(1, -1) : text;
  const isRegex = operator.includes("~");
  if (isRegex) requirePattern(word, value);
  return { name, value, isRegex, isEqual: operator.startsWith("=") };
}

function requirePattern(word: string, value: string): void {
  try {
    new RegExp(value);
  } catch {
    throw new Problem(`${word} is no pattern`, 'Expected a regular expression: instance=~"api-.*"', 2);
  }
}

/** Of every rule that there is, whether this stack has it or not. */
function alertNames(): string[] {
  const files = listOwn("prometheus/rules").map((file) => readOwn(`prometheus/rules/${file}`));
  return files.flatMap((text) =>
    [...text.matchAll(/^ *- alert: (\w+)$/gm)].map(([, name]) => name as string),
  );
}

/** Whether it keeps the dead man's switch quiet, whose silence wakes people, or a test of the receivers. */
export function alsoSilenced(matchers: readonly Matcher[]): string[] {
  const hits = (labels: Record<string, string>) =>
    matchers.every(({ name, value, isRegex, isEqual }) => {
      const has = labels[name] ?? "";
      return (isRegex ? new RegExp(`^(?:${value})$`).test(has) : has === value) === isEqual;
    });
  return [
    ...(hits({ alertname: WATCHDOG, severity: "none" })
      ? ["the watchdog, whose silence raises the alarm"]
      : []),
    ...(hits({ alertname: TEST_ALERT }) ? ["tests of the receivers"] : []),
  ];
}

export type SilenceRequest = { matchers: readonly Matcher[]; seconds: number; reason: string; by: string };

/** @returns its id. @throws Problem where Alertmanager does not run, or does not take it */
export async function addSilence(
  site: Site,
  { matchers, seconds, reason, by }: SilenceRequest,
): Promise<string> {
  const silence = { matchers, startsAt: "@FROM@", endsAt: "@UNTIL@", createdBy: by, comment: reason };
  const outcome = await run(site, ["add", String(Math.ceil(seconds))], JSON.stringify(silence));
  const id = parseFacts(requireDone(site, outcome, "silencing").stdout).one("silence");
  if (id) return id;
  throw new Problem(`Alertmanager did not take the silence ${matchers.map(matcherText).join(" ")}`);
}

export async function expireSilences(site: Site, ids: readonly string[]): Promise<void> {
  requireDone(site, await run(site, ["expire", ...ids]), "ending the silence");
}

function run(site: Site, args: readonly string[], input?: string) {
  const script = readOwn("operator/observe/silence.bash");
  return site.host.script(script, [site.project, ...args], input === undefined ? {} : { input });
}

/**
 * By the beginning of an id, by what it was said to silence, or all of them.
 * @throws Problem (2) where no silence, or more than one id, is meant
 */
export function silencesMeant(
  silences: readonly Silence[],
  words: readonly string[],
  environment: string,
): Silence[] {
  const remedy =
    silences.length === 0
      ? "None is in force."
      : `In force:\n${silences.map(({ id, matchers }) => `  ${id.slice(0, 8)}  ${matchers}`).join("\n")}`;
  if (words.length === 0)
    throw new Problem(
      "end which silence?",
      `${remedy}\nAll: plimsoll alerts ${environment} unsilence all`,
      2,
    );
  if (words.length === 1 && words[0] === "all") return [...silences];
  const found = words.flatMap((word) => {
    const byId = word.length >= 4 ? silences.filter(({ id }) => id.startsWith(word)) : [];
    if (byId.length > 1) throw new Problem(`${word} begins more than one id`, remedy, 2);
    const meant = byId.length > 0 ? byId : silences.filter(({ matchers }) => matchers === textOf(word));
    if (meant.length === 0) throw new Problem(`no silence is ${JSON.stringify(word)}`, remedy, 2);
    return meant;
  });
  return [...new Set(found)];
}

function textOf(word: string): string {
  return MATCHER.test(word) ? matcherText(matcherOf(word)) : `alertname=${JSON.stringify(word)}`;
}
