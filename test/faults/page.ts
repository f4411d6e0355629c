/** From a fault to the message that a person gets: seconds, how many messages, and the one that says it is over. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { eventually } from "../e2e/wait.ts";
import type { Call, Webhook } from "../e2e/webhook.ts";
import type { Undo } from "./acts.ts";
import { alerts } from "./alerts.ts";
import type { PageFault } from "./page-faults.ts";
import type { Site } from "./site.ts";
import { unwell } from "./states.ts";

export type Paged = {
  what: string;
  alert: string;
  severity: string;
  /** Seconds from the fault to the message. */
  told: number;
  /** Messages that it fires, over all of its time. */
  messages: number;
  /** Seconds from the end of the fault to the message that says so, and how many such there are. */
  over: number;
  overs: number;
};

type Begun = PageFault & { acted: number; ends: Undo[]; healed: number };

const nameOf = ({ alerts: all }: Call) => all[0]?.labels.alertname ?? "";

/**
 * @param quiet seconds for which the faults stay, at least, so that whatever else would be said is said
 * @returns what else was said, and what could not be ended
 * @throws where an alert does not come
 */
export async function pageFor(
  site: Site,
  hook: Webhook,
  faults: readonly PageFault[],
  { quiet, patience }: { quiet: number; patience: number },
): Promise<{ paged: () => Promise<Paged[]>; beside: string[]; failures: unknown[] }> {
  const began = Date.now();
  const begun: Begun[] = [];
  const mine = new Set(faults.map(({ alert }) => alert));
  const said = ({ alert }: PageFault, status: Call["status"], after: number) =>
    hook.calls.filter((call) => call.at >= after && call.status === status && nameOf(call) === alert);
  // A fault that stays is one of every row after it.
  const failures: unknown[] = [];
  try {
    for (const fault of faults) {
      const one: Begun = { ...fault, acted: Date.now(), ends: [], healed: 0 };
      begun.push(one);
      await fault.begin(site, (end) => one.ends.push(end));
    }
    await eventually(async () => {
      const missing = begun.filter((fault) => said(fault, "firing", fault.acted).length === 0);
      expect(missing.map(({ alert }) => alert)).toEqual([]);
    }, patience);
    await sleep(Math.max(0, quiet * 1000 - (Date.now() - began)));
  } finally {
    for (const fault of begun.toReversed()) {
      for (const end of fault.ends.toReversed())
        await end().catch((error: unknown) => failures.push(new Error(`${fault.what}: ${error}`)));
      fault.healed = Date.now();
    }
  }
  await eventually(async () => {
    expect(await unwell(site.stack)).toEqual([]);
    const firing = (await alerts(site.stack)).filter(({ state }) => state === "firing");
    const standing = firing.map(({ name }) => name);
    const others = standing.filter((name) => !/^(Watchdog$|Host)/.test(name) && !mine.has(name));
    expect(others).toEqual([]);
  }, patience);
  const beside = hook.calls
    .filter((call) => call.at >= began && call.status === "firing" && !mine.has(nameOf(call)))
    // Of the machine of the tests, which is busy with them.
    .filter(({ alerts: [first] }) => first?.labels.layer !== "host")
    .map(nameOf);
  const one = async (fault: Begun): Promise<Paged> => {
    await eventually(
      async () => expect(said(fault, "resolved", fault.acted), fault.what).not.toEqual([]),
      1500,
    );
    const [first] = said(fault, "firing", fault.acted) as [Call];
    const [last] = said(fault, "resolved", fault.acted) as [Call];
    return {
      what: fault.what,
      alert: fault.alert,
      severity: first.alerts[0]?.labels.severity ?? "",
      told: (first.at - fault.acted) / 1000,
      messages: said(fault, "firing", fault.acted).length,
      overs: said(fault, "resolved", fault.acted).length,
      over: (last.at - (fault.ends.length > 0 ? fault.healed : fault.acted)) / 1000,
    };
  };
  return { paged: () => Promise.all(begun.map(one)), beside, failures };
}

export function pages(done: readonly Paged[]): string {
  return [
    "| fault | alert | severity | told after | messages | said to be over after |",
    "| --- | --- | --- | --- | --- | --- |",
    ...done.map(
      ({ what, alert, severity, told, messages, over }) =>
        `| ${what} | ${alert} | ${severity} | ${told.toFixed(0)} s | ${messages} | ${over.toFixed(0)} s |`,
    ),
  ].join("\n");
}
