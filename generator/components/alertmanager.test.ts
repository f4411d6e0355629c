import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ruleStems, rulesOf } from "../../prometheus/mutation/rules.ts";
import { produce } from "../index.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { findTool, type Tool } from "../testing/tools.ts";
import { alertmanagerImage } from "./alertmanager.ts";

const everyKind = `monitoring:
  alertmanager:
    watchdog: true
    receivers:
      - { type: webhook, name: hook }
      - { type: slack, name: ops-slack, channel: "#ops", on: [page] }
      - { type: email, name: mail, to: a@example.com, from: b@example.com, smarthost: "smtp.example.com:587", username: b@example.com }
      - { type: pagerduty, name: pager, on: [page] }
      - { type: telegram, name: chat, chat: -100123, on: [warn] }
`;

function made(more: string, environment: "local" | "production" = "production") {
  const { plan, files } = produce(sourceOf(shortest + more), environment);
  const text = files.find(({ path }) => path === "alertmanager/alertmanager.yaml")?.text ?? "";
  return { plan, text, config: parse(text), service: plan.services.alertmanager?.compose };
}

/** Whether an alert of these labels fits, as Alertmanager reads a matcher: a label that is not there is empty. */
function fits(matcher: string, labels: Readonly<Record<string, string>>): boolean {
  const [, name = "", operator, value = ""] = /^(\w+)(=~|!~|!=|=)"(.*)"$/.exec(matcher) ?? [];
  const found = labels[name] ?? "";
  if (operator === "=" || operator === "!=") return (found === value) === (operator === "=");
  if (operator === undefined) throw new Error(matcher);
  return new RegExp(`^(?:${value})$`).test(found) === (operator === "=~");
}

/** What keeps quiet what, as `alert > alert`, of those that name alerts. */
const named = (matcher: string) => /^alertname=~?"([^"]+)"$/.exec(matcher)?.[1]?.split("|") ?? [];

describe("what is told already", () => {
  const { config } = made("");
  const rules = config.inhibit_rules as {
    source_matchers: string[];
    target_matchers: string[];
    equal: string[];
  }[];

  it("is named by alerts that there are, and told once", () => {
    const there = ruleStems.flatMap(rulesOf).map(({ alert }) => alert);
    const all = rules.flatMap(({ source_matchers, target_matchers }) =>
      [...source_matchers, ...target_matchers].flatMap(named),
    );
    expect(all.filter((name) => !there.includes(name))).toEqual([]);
    const quiet = (target: string) =>
      rules
        .filter(({ target_matchers }) => target_matchers.flatMap(named).includes(target))
        .flatMap(({ source_matchers, equal }) =>
          source_matchers.flatMap(named).map((source) => `${source} by ${equal.at(-1)}`),
        );
    expect(quiet("ServiceDown")).toContain("PostgresNodeDown by instance");
    expect(quiet("TargetDown")).toContain("ServiceDown by instance");
    expect(quiet("PortUnreachable")).toContain("ServiceDown by instance");
    expect(quiet("ApiServerDown")).toContain("ApiDown by environment");
    expect(quiet("DatabaseLatencyAboveObjective")).toEqual([
      "PostgresNoPrimary by environment",
      ...["PostgresNodeDown", "ServiceDown"].map((cause) => `${cause} by instance`),
    ]);
    expect(quiet("LogsNotWatched")).toEqual(["ServiceDown by instance"]);
    // Of the probe, and not of the node whose figure it does not write.
    expect(quiet("DatabaseLatencyNotMeasured")).toEqual(["ServiceDown by environment"]);
    expect(rules.map(({ source_matchers }) => source_matchers)).toContainEqual([
      'alertname="ServiceDown"',
      'instance="postgres-probe"',
    ]);
    expect(quiet("HostOutOfMemoryKill")).toEqual([]);
  });

  const alerts = ruleStems
    .flatMap(rulesOf)
    .flatMap(({ alert, labels }) => (alert ? [{ ...labels, alertname: alert }] : []));
  /** Alerts that this one keeps quiet, by the labels that their rules give them. */
  function quietBy(source: string): string[] {
    const cause = alerts.find(({ alertname }) => alertname === source) as Record<string, string>;
    const applies = rules.filter(({ source_matchers }) => source_matchers.every((one) => fits(one, cause)));
    const follows = (target: Record<string, string>) =>
      applies.some(
        ({ target_matchers, equal }) =>
          target_matchers.every((one) => fits(one, target)) &&
          equal.every((label) => (target[label] ?? "") === (cause[label] ?? "")),
      );
    return alerts
      .filter((target) => target.alertname !== source && follows(target))
      .map((one) => one.alertname);
  }

  it("of a disk that is nearly full is only the same, earlier: users notice nothing yet", () => {
    expect(quietBy("HostDiskFull")).toEqual(["HostDiskFilling"]);
  });

  it("of a disk without room is what then stops, and nothing that has another cause", () => {
    const quiet = quietBy("HostDiskGone");
    expect(quiet).toEqual(
      expect.arrayContaining(
        ["HostDiskFull", "PostgresNoPrimary", "RedisPersistenceFails", "ApiDown", "PublicAddressDown"].concat(
          ["EdgeErrors", "ErrorsBurnFast"],
        ),
      ),
    );
    for (const other of [
      "PostgresPagesDamaged",
      "PostgresTwoPrimaries",
      "RedisSessionsEvicted",
      "HostMemoryGone",
    ])
      expect(quiet).not.toContain(other);
  });

  it.each([
    ["HostMemoryGone", "HostMemoryShort"],
    ["PostgresConnectionsExhausted", "PostgresConnectionsNearLimit"],
    ["RedisSessionsFull", "RedisSessionsMemory"],
  ])(
    "of %s is its own warning alone: a release that fails beside it has another cause",
    (source, earlier) => {
      expect(quietBy(source)).toEqual([earlier]);
    },
  );

  it.each(["PublicAddressUnreachable", "PublicNameDown", "RedirectGone"])(
    "is not %s: its rule wants that nginx answers",
    (outside) => {
      const causes = alerts
        .map(({ alertname }) => alertname)
        .filter((name) => quietBy(name).includes(outside));
      expect(causes).toEqual(["PublicAddressDown"]);
    },
  );

  it("of PostgreSQL's exporter is every node that is asked through it, and no other target", () => {
    const through = rules.find(({ source_matchers }) =>
      source_matchers.some((one) => named(one)[0] === "PostgresExporterDown" && named(one).length === 1),
    );
    const target = (job: string) => ({ alertname: "TargetDown", job });
    const quiet = (job: string) => through?.target_matchers.every((one) => fits(one, target(job)));
    expect(["postgres", "postgres-exporter", "postgres-proxy", "node"].map(quiet)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it("of slow requests is told once: by the page where there is one, else by days", () => {
    const slow = ["LatencyBurnsSlowly", "LatencyAboveObjective"];
    expect(quietBy("EdgeSlow")).toEqual(["LatencyBurnsFast", ...slow]);
    expect(quietBy("LatencyBurnsFast")).toEqual(slow);
    expect(quietBy("LatencyBurnsSlowly")).toEqual(slow.slice(1));
  });

  it("is never a certificate's end, but by its own page", () => {
    const certificates = alerts.map(({ alertname }) => alertname).filter((name) => /^Certificate/.test(name));
    expect(certificates).toHaveLength(8);
    const quiet = alerts.flatMap(({ alertname }) =>
      quietBy(alertname)
        .filter((name) => certificates.includes(name))
        .map((name) => `${alertname} > ${name}`),
    );
    expect(quiet.sort()).toEqual([
      "CertificateEnds > CertificateEndsSoon",
      "CertificateExpires > CertificateExpiresSoon",
    ]);
  });

  it("is what costs requests, and no other page: a damaged page explains no lost server", () => {
    const above = rules.filter(({ target_matchers }) =>
      target_matchers.some((one) => one.startsWith("layer")),
    );
    const causes = above.flatMap(({ source_matchers }) => source_matchers.flatMap(named));
    const told =
      ruleStems.flatMap(rulesOf).find(({ record }) => record === "plimsoll:edge:cause_told")?.expr ?? "";
    const there = /alertname=~"([^"]+)"/.exec(told)?.[1]?.split("|") ?? [];
    expect(causes.sort()).toEqual(there.filter((name) => name !== "EdgeNoServers").sort());
    expect(above.every(({ source_matchers }) => source_matchers.length === 1)).toBe(true);
  });
});

describe("receivers", () => {
  it("are none by default: alerts stay on the page, and explain says so", () => {
    const { config, plan, service } = made("");
    expect(config.route.receiver).toBe("nobody");
    expect(config.receivers).toEqual([{ name: "nobody" }, { name: "page" }, { name: "warn" }]);
    expect(plan.offers.settings.find(({ setting }) => setting === "receivers")?.value).toContain(
      "reach nobody",
    );
    expect(Object.keys(service?.networks ?? {})).not.toContain("egress");
  });

  it("read their secrets from files, and nothing secret is in the configuration", () => {
    const { config, plan, service } = made(everyKind);
    expect(config.receivers.map(({ name }: { name: string }) => name)).toEqual([
      "nobody",
      "page",
      "warn",
      "watchdog",
      ...["hook", "ops-slack", "mail", "pager", "chat", "watchdog"].map((name) => `test-${name}`),
    ]);
    expect(Object.keys(config.receivers[1])).toEqual([
      "name",
      "webhook_configs",
      "slack_configs",
      "email_configs",
      "pagerduty_configs",
    ]);
    expect(config.receivers[1].slack_configs[0].api_url_file).toBe("/run/secrets/alertmanager_ops_slack");
    expect(config.receivers[2].telegram_configs[0]).toMatchObject({ chat_id: -100123, parse_mode: "" });
    const names = service?.secrets?.map(({ source }) => source) ?? [];
    expect(names).toHaveLength(6);
    const supplied = plan.secrets.filter((secret) => "supplied" in secret).map(({ name }) => name);
    expect(supplied).toEqual(expect.arrayContaining(names));
    expect(Object.keys(service?.networks ?? {})).toContain("egress");
  });

  it("stay out of local: a laptop wakes nobody, and asks for no secret", () => {
    const { config, service } = made(everyKind, "local");
    expect(config.receivers).toHaveLength(3);
    expect(service?.secrets ?? []).toEqual([]);
  });

  it("have names of their own", () => {
    const twice =
      "monitoring: { alertmanager: { receivers: [{ type: webhook, name: a }, { type: pagerduty, name: a }] } }\n";
    expect(() => made(twice)).toThrow(/the name a is taken by a receiver above/);
    const same =
      "monitoring: { alertmanager: { watchdog: true, receivers: [{ type: webhook, name: watchdog }] } }\n";
    expect(() => made(same)).toThrow(/the name watchdog is taken by watchdog: true/);
    expect(made(same.replace("watchdog: true, ", "")).config.receivers).toHaveLength(4);
  });

  it("can each be tried alone, by the same words and secret as in earnest", () => {
    const { config } = made(everyKind);
    const of = (name: string) => config.receivers.find((one: { name: string }) => one.name === name);
    expect(of("test-ops-slack")).toEqual({
      name: "test-ops-slack",
      slack_configs: of("page").slack_configs,
    });
    for (const { name, ...configs } of config.receivers.slice(4))
      expect(Object.values(configs).flat(), name).toHaveLength(1);
  });

  it.each([
    ["channel", '{ type: slack, name: a, channel: "{{ .CommonLabels }}" }'],
    ["address", '{ type: email, name: a, to: "{{x}}@b.c", from: a@b.cd, smarthost: "h:25", username: u }'],
    [
      "mail server",
      '{ type: email, name: a, to: a@b.cd, from: a@b.cd, smarthost: "h:25\\nx: y", username: u }',
    ],
    ["user name", '{ type: email, name: a, to: a@b.cd, from: a@b.cd, smarthost: "h:25", username: "$x" }'],
    ["chat", '{ type: telegram, name: a, chat: "1; x" }'],
    ["type", "{ type: pigeon, name: a }"],
  ])("refuse a %s that could be syntax", (_, receiver) => {
    expect(() => made(`monitoring: { alertmanager: { receivers: [${receiver}] } }\n`)).toThrow();
  });
});

describe("what a person is told", () => {
  const told = (more: string) => {
    const { config } = made(more);
    return Object.fromEntries(
      config.receivers
        .flatMap((receiver: Record<string, unknown>) => Object.entries(receiver))
        .filter(([key]: [string]) => key.endsWith("_configs"))
        .map(([key, [entry]]: [string, [Record<string, unknown>]]) => [key, entry]),
    );
  };

  it("is what it means, the dashboard, and the runbook by a command that needs no network", () => {
    const { slack_configs, email_configs, telegram_configs, pagerduty_configs } = told(everyKind);
    for (const text of [
      slack_configs.text,
      email_configs.text,
      telegram_configs.message,
      pagerduty_configs.details.text,
    ]) {
      expect(text).toContain("{{ .Annotations.summary }}\n{{ .Annotations.description }}\n");
      expect(text).toContain("http://127.0.0.1:3000/d/plimsoll-{{ .Annotations.dashboard }}");
      expect(text).toContain("(plimsoll open production grafana)");
      expect(text).toContain("Runbook: plimsoll runbook {{ .Labels.alertname }}");
    }
    expect(email_configs).toMatchObject({ html: "", headers: { Subject: slack_configs.title } });
    expect(pagerduty_configs.links.map(({ text }: { text: string }) => text)).toEqual(["Dashboard"]);
  });

  it("links to the runbook where it can be read, and to no Grafana that is not there", () => {
    const address = "https://example.com/plimsoll/docs/runbooks";
    const more = everyKind.replace("    watchdog: true", `    watchdog: true\n    runbooks: ${address}`);
    const { slack_configs, pagerduty_configs } = told(`${more}  grafana: false\n`);
    expect(slack_configs.text).toContain(`Runbook: ${address}/{{ .Annotations.runbook_url }}`);
    expect(slack_configs.text).not.toContain("Dashboard");
    expect(pagerduty_configs.links).toEqual([
      { href: `${address}/{{ .CommonAnnotations.runbook_url }}`, text: "Runbook" },
    ]);
  });

  it.each(["http://example.com", "https://example.com/{{ .x }}", "https://example.com/a b"])(
    "refuses %s as the address of runbooks",
    (address) => {
      expect(() => made(`monitoring: { alertmanager: { runbooks: "${address}" } }\n`)).toThrow(/runbooks/);
    },
  );
});

describe("amtool", () => {
  let amtool: Tool | undefined;
  beforeAll(() => {
    amtool = findTool({ tool: "amtool", image: alertmanagerImage });
  }, 600_000);

  const run = (text: string, args: readonly string[]) => amtool?.run({ "alertmanager.yaml": text }, args);

  it.each([
    ["no receivers", "", "production"],
    ["every kind of receiver", everyKind, "production"],
    ["every kind in local", everyKind, "local"],
    [
      "links to runbooks",
      everyKind.replace(
        "    watchdog: true",
        "    watchdog: true\n    runbooks: https://example.com/runbooks",
      ),
      "production",
    ],
  ] as const)("accepts %s", (_, more, environment) => {
    const checked = run(made(more, environment).text, ["check-config", "alertmanager.yaml"]);
    if (checked) expect(checked).toMatchObject({ code: 0, output: expect.stringContaining("SUCCESS") });
  });

  it.each([
    [["severity=page", "alertname=RedisSessionsDown"], "page"],
    [["severity=warn", "alertname=HostCpuBusy"], "warn"],
    [["severity=none", "alertname=Watchdog"], "watchdog"],
    [["alertname=Unheard"], "nobody"],
    [["alertname=PlimsollTest", "plimsoll_test=ops-slack"], "test-ops-slack"],
    [["alertname=PlimsollTest", "plimsoll_test=watchdog"], "test-watchdog"],
  ])("routes %s to %s", (labels, receiver) => {
    const routed = run(made(everyKind).text, [
      "config",
      "routes",
      "test",
      "--config.file=alertmanager.yaml",
      ...labels,
    ]);
    // The first line: a warning about the missing file in the home folder may follow.
    if (routed) expect(routed.output.split("\n")[0]).toBe(receiver);
  });
});
