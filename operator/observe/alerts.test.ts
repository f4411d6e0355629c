import { describe, expect, it } from "vitest";
import { plain } from "../../generator/report/paint.ts";
import { parseFacts } from "../checks/facts.ts";
import { GettableAlert, GettableSilence } from "./alertmanager.ts";
import { firingOf, silencesOf, watchdogFires } from "./alerts.ts";
import { alertsText } from "./alerts-text.ts";
import { triedOf } from "./receivers-test.ts";
import { alsoSilenced, matchersOf, silencesMeant } from "./silences.ts";

/** As Alertmanager 0.33 writes it. */
const alert = (name: string, labels: object = {}, status: object = {}, annotations: object = {}) =>
  GettableAlert.parse({
    annotations: { summary: `${name} is so`, description: "Do something.", ...annotations },
    endsAt: "2026-11-28T16:05:48.000Z",
    fingerprint: `f-${name}`,
    receivers: [{ name: "warn" }],
    startsAt: "2026-11-28T15:55:48.000Z",
    status: { inhibitedBy: [], mutedBy: [], silencedBy: [], state: "active", ...status },
    updatedAt: "2026-11-28T15:55:48.324Z",
    generatorURL: "http://127.0.0.1:9090/",
    labels: { alertname: name, severity: "warn", stack: "fkod", environment: "production", ...labels },
  });
const silence = (id: string, name: string, state = "active") =>
  GettableSilence.parse({
    id,
    matchers: [{ name: "alertname", value: name, isRegex: false, isEqual: true }],
    startsAt: "2026-11-28T15:50:00.000Z",
    endsAt: "2026-11-28T17:55:48.000Z",
    updatedAt: "2026-11-28T15:50:00.000Z",
    createdBy: "ana",
    comment: "moving the logs",
    status: { state },
  });

describe("what fires", () => {
  const silences = [silence("aaaa-1", "HostDiskFilling"), silence("bbbb-2", "Old", "expired")];
  const alerts = [
    alert("Watchdog", { severity: "none" }),
    alert("PlimsollTest", { plimsoll_test: "hook" }),
    alert("HostDiskFilling", {}, { silencedBy: ["aaaa-1"], state: "suppressed" }),
    alert(
      "ApiServerDown",
      { server: "api-1" },
      { inhibitedBy: ["f-PostgresNoPrimary"], state: "suppressed" },
    ),
    alert("HostCpuBusy", { instance: "node" }, {}, { runbook_url: "alerts/host.md#hostcpubusy" }),
    alert("PostgresNoPrimary", { severity: "page", layer: "database" }),
  ];

  it("comes with pages first, what is quiet last, and neither the watchdog nor a test", () => {
    const firing = firingOf(alerts, silences);
    expect(firing.map(({ alert }) => alert)).toEqual([
      "PostgresNoPrimary",
      "HostCpuBusy",
      "ApiServerDown",
      "HostDiskFilling",
    ]);
    expect(firing[1]).toMatchObject({
      labels: { instance: "node" },
      runbook: "docs/runbooks/alerts/host.md#hostcpubusy",
      since: Date.parse("2026-11-28T15:55:48Z") / 1000,
    });
    expect(firing[2]?.inhibited).toEqual(["PostgresNoPrimary"]);
    expect(firing[3]?.silenced).toMatchObject([{ id: "aaaa-1", by: "ana", reason: "moving the logs" }]);
    expect(watchdogFires(alerts)).toBe(true);
    expect(watchdogFires(alerts.slice(1))).toBe(false);
  });

  it("is told with what it means, and who keeps it quiet", () => {
    const found = {
      now: Date.parse("2026-11-28T16:00:48Z") / 1000,
      firing: firingOf(alerts, silences),
      silences: silencesOf(silences),
      watched: true,
    };
    expect(alertsText(found, plain, 80)).toMatchInlineSnapshot(`
      "page  PostgresNoPrimary  since 5m
            PostgresNoPrimary is so
            Do something.

      warn  HostCpuBusy  since 5m  instance=node
            HostCpuBusy is so
            Do something.
            what to do: docs/runbooks/alerts/host.md#hostcpubusy

      warn  ApiServerDown  since 5m  server=api-1
            ApiServerDown is so
            Do something.
            not told: PostgresNoPrimary stands for it

      warn  HostDiskFilling  since 5m
            HostDiskFilling is so
            Do something.
            silenced by ana for another 2h: moving the logs (aaaa-1)

      SILENCES
      aaaa-1  alertname="HostDiskFilling"  for another 2h, by ana: moving the logs"
    `);
    expect(alertsText({ ...found, firing: [], silences: [] }, plain, 80)).toBe("Nothing fires.");
    expect(alertsText({ ...found, firing: [], silences: [], watched: false }, plain, 80)).toMatch(
      /^The watchdog does not fire.*\nNothing is known to fire\.$/,
    );
  });
});

describe("silences", () => {
  it("take an alert that there is, or matchers as in a rule", () => {
    expect(matchersOf(["HostDiskFilling", 'instance=~"api-.*"', "layer!=host", "server!~a|b"])).toEqual([
      { name: "alertname", value: "HostDiskFilling", isRegex: false, isEqual: true },
      { name: "instance", value: "api-.*", isRegex: true, isEqual: true },
      { name: "layer", value: "host", isRegex: false, isEqual: false },
      { name: "server", value: "a|b", isRegex: true, isEqual: false },
    ]);
    expect(() => matchersOf([])).toThrow("silence what?");
    expect(() => matchersOf(["HostDiskFiling"])).toThrow("did you mean HostDiskFilling?");
    expect(() => matchersOf(["a=~("])).toThrow("is no pattern");
  });

  it("that hide the watchdog or a test are told apart", () => {
    expect(alsoSilenced(matchersOf(["HostDiskFilling"]))).toEqual([]);
    expect(alsoSilenced(matchersOf(["layer=host"]))).toEqual([]);
    expect(alsoSilenced(matchersOf(["severity=none"]))).toHaveLength(1);
    expect(alsoSilenced(matchersOf(["alertname=~.+"]))).toHaveLength(2);
  });

  it("are meant by the beginning of an id, by their alert, or all", () => {
    const all = silencesOf([silence("aaaa-1", "HostDiskFilling"), silence("aaaa-2", "HostCpuBusy")]);
    const meant = (...words: string[]) => silencesMeant(all, words, "production").map(({ id }) => id);
    expect(meant("all")).toEqual(["aaaa-1", "aaaa-2"]);
    expect(meant("aaaa-2")).toEqual(["aaaa-2"]);
    expect(meant("HostCpuBusy", "aaaa-2")).toEqual(["aaaa-2"]);
    expect(meant("alertname=HostCpuBusy")).toEqual(["aaaa-2"]);
    expect(() => meant("aaaa")).toThrow("begins more than one id");
    expect(() => meant("zzzz")).toThrow('no silence is "zzzz"');
    expect(() => meant()).toThrow("end which silence?");
  });
});

describe("receivers that were tried", () => {
  const line = (text: string) => `log time=2026-11-28T15:55:48Z level=WARN ${text}`;
  const facts = (...lines: string[]) =>
    parseFacts(["receiver hook", "receiver bad", "result hook delivered 520 1", ...lines].join("\n"));
  const group = String.raw`aggrGroup="{}/{plimsoll_test=\"bad\"}:{plimsoll_test=\"bad\"}"`;

  it("failed for the reason that Alertmanager gave last, without an address", () => {
    const tried = triedOf(
      facts(
        "result bad failed 10400 7",
        line(
          String.raw`receiver=test-bad integration=webhook[0] ${group} attempts=1 err="Post \"<redacted>\": EOF"`,
        ),
        line(
          String.raw`${group} err="test-bad/webhook[0]: notify retry canceled after 7 attempts: Post \"https://hooks.example.com/secret\": dial tcp 127.0.0.1:1: connect: connection refused"`,
        ),
        line(`receiver=test-bad-too integration=webhook[0] err="not of it"`),
      ),
      { hook: "webhook", bad: "slack" },
    );
    expect(tried).toEqual([
      { receiver: "hook", type: "webhook", outcome: "delivered", seconds: 0.5, attempts: 1 },
      {
        receiver: "bad",
        type: "slack",
        outcome: "failed",
        seconds: 10.4,
        attempts: 7,
        said: "dial tcp 127.0.0.1:1: connect: connection refused",
      },
    ]);
  });

  it("failed where nobody answered in time, or a silence hid the test", () => {
    expect(triedOf(facts("result bad waiting 30000 0"), {})[1]).toMatchObject({
      outcome: "failed",
      said: "no answer in time",
    });
    const hidden = JSON.stringify([alert("PlimsollTest", { plimsoll_test: "bad" }, { silencedBy: ["x"] })]);
    expect(triedOf(facts("result bad waiting 30000 0", `alerts ${hidden}`), {})[1]?.said).toMatch(/silenced/);
  });
});
