/** `alerts test`: one alert through each receiver, followed until it is delivered or given up. */
import { z } from "zod";
import { readOwn } from "../../generator/package.ts";
import { type Facts, parseFacts } from "../checks/facts.ts";
import { unknown } from "../operate/names.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { GettableAlert } from "./alertmanager.ts";

export type Tried = {
  receiver: string;
  /** As stack.yaml has it: webhook, slack, email, pagerduty, telegram; `watchdog`. */
  type?: string;
  outcome: "delivered" | "failed";
  seconds: number;
  attempts: number;
  /** Why it failed, in Alertmanager's words, without addresses. */
  said?: string;
};

export type TestRequest = {
  /** All if empty. */
  only: readonly string[];
  /** Seconds. */
  wait: number;
  by: string;
  types: Readonly<Record<string, string>>;
  signal?: AbortSignal;
};

/** @throws Problem where there is no receiver, or Alertmanager does not answer */
export async function testReceivers(
  site: Site,
  { only, wait, by, types, signal }: TestRequest,
): Promise<Tried[]> {
  const outcome = await site.host.script(
    readOwn("operator/observe/receivers-test.bash"),
    [site.project, String(wait), site.stack, site.environment, by, ...only],
    { signal },
  );
  const facts = parseFacts(requireDone(site, outcome, "testing the receivers").stdout);
  const there = facts.all("receiver");
  const missing = only.find((name) => !there.includes(name));
  if (there.length === 0) throw noReceivers(site.environment, Object.keys(types));
  if (missing !== undefined) throw unknown("receiver", missing, there);
  return triedOf(facts, types);
}

function noReceivers(environment: string, named: readonly string[]): Problem {
  if (environment === "local")
    return new Problem("local has no receivers: a laptop wakes nobody", "Try staging or production.", 2);
  return named.length > 0
    ? new Problem(
        `what runs as ${environment} has no receivers, and stack.yaml names ${named.join(", ")}`,
        `Deploy it: plimsoll deploy ${environment}`,
      )
    : new Problem(
        "stack.yaml names no receivers: alerts reach nobody",
        "monitoring: { alertmanager: { receivers: [{ type: webhook, name: ops }] } }",
      );
}

export function triedOf(facts: Facts, types: Readonly<Record<string, string>>): Tried[] {
  const logs = facts.all("log");
  const alerts = alertsIn(facts.one("alerts"));
  return facts.all("result").map((line): Tried => {
    const [receiver = "", outcome, milliseconds, attempts] = line.split(" ");
    const tried = {
      receiver,
      ...(types[receiver] && { type: types[receiver] }),
      seconds: Number((Number(milliseconds) / 1000).toFixed(1)),
      attempts: Number(attempts),
    };
    if (outcome === "delivered") return { ...tried, outcome };
    return { ...tried, outcome: "failed", said: whyOf(receiver, logs, alerts) };
  });
}

function whyOf(receiver: string, logs: readonly string[], alerts: readonly GettableAlert[]): string {
  const status = alerts.find(({ labels }) => labels.plimsoll_test === receiver)?.status;
  if (status && status.silencedBy.length > 0) return "it was silenced: a silence matches everything";
  const own = logs.filter(
    (line) => line.includes(`receiver=test-${receiver} `) || line.includes(`"test-${receiver}/`),
  );
  const said = own.flatMap((line) => /\berr=(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line)?.slice(1, 3) ?? []);
  const last = said.filter((text) => text).at(-1);
  return last === undefined ? "no answer in time" : plainWords(last);
}

/** Whatever Alertmanager forgot to hide: an address may carry a token. */
function plainWords(text: string): string {
  return text
    .replaceAll('\\"', '"')
    .replaceAll("\\n", " ")
    .replace(/^test-\S+: notify retry canceled (?:due to unrecoverable error )?after \d+ attempts?: /, "")
    .replace(/\b[a-z]+:\/\/[^\s"]+/g, "<redacted>")
    .replace(/^(Post|Get|Put) "<redacted>": /, "")
    .trim()
    .slice(0, 300);
}

function alertsIn(text: string | undefined): GettableAlert[] {
  try {
    return z.array(GettableAlert).parse(JSON.parse(text ?? ""));
  } catch {
    return [];
  }
}
