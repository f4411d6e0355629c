/** What the stack's own Prometheus says of its own rules. */
import type { RunningStack } from "../e2e/engine.ts";
import { askPrometheus } from "../e2e/prometheus.ts";

export type Alert = {
  name: string;
  /** With its labels: the same rule about another node is another alert. */
  key: string;
  state: "pending" | "firing";
};

export async function alerts(stack: RunningStack): Promise<Alert[]> {
  const found = await askPrometheus<{ alerts: { labels: { alertname: string }; state: Alert["state"] }[] }>(
    stack,
    "/api/v1/alerts",
  );
  return found.alerts.map(({ labels, state }) => ({
    name: labels.alertname,
    key: JSON.stringify(Object.entries(labels).sort()),
    state,
  }));
}

/** Seconds for which a rule must hold before it fires, by name. */
export async function patience(stack: RunningStack): Promise<Map<string, number>> {
  const { groups } = await askPrometheus<{ groups: { rules: { name: string; duration: number }[] }[] }>(
    stack,
    "/api/v1/rules?type=alert",
  );
  return new Map(groups.flatMap(({ rules }) => rules.map(({ name, duration }) => [name, duration])));
}
