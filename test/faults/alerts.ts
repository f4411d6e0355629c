/** What the stack's own Prometheus says of its own rules. */
import type { RunningStack } from "../e2e/engine.ts";

export type Alert = {
  name: string;
  /** With its labels: the same rule about another node is another alert. */
  key: string;
  state: "pending" | "firing";
};

export async function alerts(stack: RunningStack): Promise<Alert[]> {
  const answer = await stack.http("/api/v1/alerts", { service: "prometheus" });
  const { data } = answer.json<{
    data: { alerts: { labels: { alertname: string }; state: Alert["state"] }[] };
  }>();
  return data.alerts.map(({ labels, state }) => ({
    name: labels.alertname,
    key: JSON.stringify(Object.entries(labels).sort()),
    state,
  }));
}

/** Seconds for which a rule must hold before it fires, by name. */
export async function patience(stack: RunningStack): Promise<Map<string, number>> {
  const answer = await stack.http("/api/v1/rules?type=alert", { service: "prometheus" });
  const { data } = answer.json<{ data: { groups: { rules: { name: string; duration: number }[] }[] } }>();
  return new Map(data.groups.flatMap(({ rules }) => rules.map(({ name, duration }) => [name, duration])));
}
