/** What fires: since when, what it means, where it is written what to do, and whether anybody is told. */
import { type GettableAlert, type GettableSilence, matcherText } from "./alertmanager.ts";

export type Firing = {
  alert: string;
  severity: string;
  /** Seconds of the epoch. */
  since: number;
  summary: string;
  description: string;
  runbook?: string;
  dashboard?: string;
  /** What tells it from others of its name: `instance`, `server`. */
  labels: Record<string, string>;
  /** Who keeps it quiet; empty where people are told. */
  silenced: { id: string; by: string; until: number; reason: string }[];
  /** Alerts that stand for it. */
  inhibited: string[];
};

export type Silence = {
  id: string;
  matchers: string;
  by: string;
  reason: string;
  state: "active" | "pending";
  /** Seconds of the epoch. */
  from: number;
  until: number;
};

export const WATCHDOG = "Watchdog";
export const TEST_ALERT = "PlimsollTest";

/** Labels that say nothing about what fires. */
const PLAIN = ["alertname", "severity", "layer", "objective", "stack", "environment"];
const ORDER = ["page", "warn"];

/** What people are told of comes first, pages before warnings, the oldest first. Neither the watchdog nor a test is among them. */
export function firingOf(alerts: readonly GettableAlert[], silences: readonly GettableSilence[]): Firing[] {
  const nameOf = (fingerprint: string) =>
    alerts.find((alert) => alert.fingerprint === fingerprint)?.labels.alertname ?? fingerprint;
  return alerts
    .filter(({ labels }) => labels.alertname !== WATCHDOG && labels.alertname !== TEST_ALERT)
    .map(({ labels, annotations, startsAt, status }): Firing => {
      const { runbook_url, dashboard } = annotations;
      return {
        alert: labels.alertname ?? "",
        severity: labels.severity ?? "none",
        since: seconds(startsAt),
        summary: annotations.summary ?? "",
        description: annotations.description ?? "",
        ...(runbook_url && {
          runbook: /^https?:/.test(runbook_url) ? runbook_url : `docs/runbooks/${runbook_url}`,
        }),
        ...(dashboard && { dashboard }),
        labels: Object.fromEntries(Object.entries(labels).filter(([name]) => !PLAIN.includes(name))),
        silenced: silences
          .filter(({ id }) => status.silencedBy.includes(id))
          .map(({ id, createdBy, endsAt, comment }) => ({
            id,
            by: createdBy,
            until: seconds(endsAt),
            reason: comment,
          })),
        inhibited: [...new Set(status.inhibitedBy.map(nameOf))].sort(),
      };
    })
    .sort(
      (one, other) =>
        rank(one) - rank(other) || one.since - other.since || (one.alert < other.alert ? -1 : 1),
    );
}

function rank(firing: Firing): number {
  const at = ORDER.indexOf(firing.severity);
  return (isQuiet(firing) ? 10 : 0) + (at < 0 ? ORDER.length : at);
}

export function isQuiet({ silenced, inhibited }: Firing): boolean {
  return silenced.length > 0 || inhibited.length > 0;
}

/** Those in force and to come; the soonest to end first. */
export function silencesOf(silences: readonly GettableSilence[]): Silence[] {
  return silences
    .flatMap(({ id, matchers, createdBy, comment, startsAt, endsAt, status }) =>
      status.state === "expired"
        ? []
        : [
            {
              id,
              matchers: matchers.map(matcherText).join(" "),
              by: createdBy,
              reason: comment,
              state: status.state,
              from: seconds(startsAt),
              until: seconds(endsAt),
            },
          ],
    )
    .sort((one, other) => one.until - other.until);
}

/** Whether the dead man's switch fires, as it always must: Prometheus evaluates its rules and hands alerts over. */
export function watchdogFires(alerts: readonly GettableAlert[]): boolean {
  return alerts.some(({ labels }) => labels.alertname === WATCHDOG);
}

function seconds(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
