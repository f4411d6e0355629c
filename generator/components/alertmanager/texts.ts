/** What a person is told: Alertmanager's templates, filled by it. Its own have no word of what an alert says. */
import { dashboardUid } from "../../../grafana/stems.ts";
import type { EnvironmentKind } from "../../spec/core.ts";

export type Places = {
  environment: EnvironmentKind;
  /** Of Grafana on the host, where it is part of the stack; `plimsoll open` makes it one of the laptop. */
  grafana?: string;
  /** Where docs/runbooks can be read. */
  runbooks?: string;
};

export type Texts = {
  title: string;
  /** Every alert of the notification: what it is, where it shows, what to do. */
  text: string;
  links: { href: string; text: string }[];
};

/** Stems become addresses in a template: what stands before a stem in every uid. */
const UID = dashboardUid("overview").replace("overview", "");

/** The alerts of one notification have one name, and so one dashboard and one heading. */
const COMMON = ".CommonAnnotations";

export function texts({ environment, grafana, runbooks }: Places): Texts {
  const dashboard = (of: string) => `${grafana}/d/${UID}{{ ${of}.dashboard }}`;
  const runbook = (of: string) => `${runbooks}/{{ ${of}.runbook_url }}`;
  const alert = [
    "{{ .Annotations.summary }}",
    "{{ .Annotations.description }}",
    ...(grafana ? [`Dashboard: ${dashboard(".Annotations")} (plimsoll open ${environment} grafana)`] : []),
    runbooks ? `Runbook: ${runbook(".Annotations")}` : "Runbook: plimsoll runbook {{ .Labels.alertname }}",
  ];
  return {
    title:
      "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }} ({{ .CommonLabels.stack }}, {{ .CommonLabels.environment }})",
    text: `{{ range .Alerts }}${alert.join("\n")}\n\n{{ end }}`,
    links: [
      ...(grafana ? [{ href: dashboard(COMMON), text: "Dashboard" }] : []),
      ...(runbooks ? [{ href: runbook(COMMON), text: "Runbook" }] : []),
    ],
  };
}
