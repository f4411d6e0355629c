import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../index.ts";
import { environmentNames } from "../spec/core.ts";
import { MiB } from "../spec/words.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { findTool, type Tool } from "../testing/tools.ts";
import { promDuration, scrapeConfigs } from "./prometheus/config.ts";
import { thresholdRules } from "./prometheus/thresholds.ts";
import { prometheusImage } from "./prometheus.ts";

function made(more = "", environment: (typeof environmentNames)[number] = "production") {
  const { plan, files } = produce(sourceOf(`${shortest}  metrics_port: 6000\n${more}`), environment);
  const texts = Object.fromEntries(files.map(({ path, text }) => [path, text]));
  return { plan, texts, config: parse(texts["prometheus/prometheus.yaml"] ?? "null") };
}

describe("scrape configs", () => {
  const job = (name: string, service: string) => ({ job: name, targets: [{ service, port: 1 }] });

  it("name the instance after the service, and join targets of one job", () => {
    expect(scrapeConfigs([job("a", "a-1"), job("a", "a-2")])).toEqual([
      {
        job_name: "a",
        static_configs: [
          { targets: ["a-1:1"], labels: { instance: "a-1" } },
          { targets: ["a-2:1"], labels: { instance: "a-2" } },
        ],
      },
    ]);
  });

  it("refuse a job in two ways, and an instance twice", () => {
    expect(() => scrapeConfigs([job("a", "x"), { ...job("a", "y"), path: "/other" }])).toThrow("in two ways");
    expect(() => scrapeConfigs([job("a", "x"), job("a", "x")])).toThrow("twice");
  });

  it("ask every target that any component offers, and each probe of the blackbox exporter", () => {
    const { config, plan } = made();
    const targets = (config.scrape_configs as { static_configs: { targets: string[] }[] }[]).flatMap(
      (entry) => entry.static_configs.flatMap(({ targets }) => targets),
    );
    for (const scrape of plan.offers.scrapes)
      for (const { service, port } of scrape.targets) expect(targets).toContain(`${service}:${port}`);
    const probes = config.scrape_configs.find(({ job_name }: { job_name: string }) => job_name === "probe");
    expect(probes.static_configs).toHaveLength(plan.offers.probes.length);
    expect(probes.static_configs.map(({ labels }: { labels: object }) => labels)).toContainEqual({
      instance: "edge",
      __param_module: "inside",
      __param_target: "https://nginx:8443/health",
    });
  });

  it("reach every target: both stand in a network together", () => {
    const { plan } = made();
    const networks = (name: string) => Object.keys(plan.services[name]?.compose.networks ?? {});
    const own = new Set(networks("prometheus"));
    for (const scrape of plan.offers.scrapes)
      for (const { service } of scrape.targets)
        expect(
          networks(service).some((network) => own.has(network)),
          service,
        ).toBe(true);
    const blackbox = new Set(networks("blackbox-exporter"));
    for (const { module, target } of plan.offers.probes) {
      if (module === "public" || module === "redirect") {
        expect(blackbox, target).toContain("egress");
        continue;
      }
      const host = new URL(target.includes("://") ? target : `tcp://${target}`).hostname;
      expect(
        networks(host).some((network) => blackbox.has(network)),
        target,
      ).toBe(true);
    }
  });
});

describe("durations", () => {
  it.each([
    [86_400 * 15, "15d"],
    [7200, "2h"],
    [90, "90s"],
    [60, "1m"],
    [1.5, "1500ms"],
  ])("%d s is %s", (seconds, text) => expect(promDuration(seconds)).toBe(text));
});

describe("what follows from the grant", () => {
  it("keeps what fits on its disk, and says that size wins", () => {
    const { plan } = made("monitoring: { prometheus: { retention: 90d } }\n");
    const disk = plan.budget.lines.find(({ name }) => name === "prometheus")?.disk.prometheus ?? 0;
    const command = plan.services.prometheus?.compose.command as string[];
    expect(command).toContain(`--storage.tsdb.retention.size=${Math.floor((disk * 0.8) / MiB)}MB`);
    expect(command).toContain("--storage.tsdb.retention.time=90d");
    expect(command.join(" ")).not.toMatch(/enable-admin-api|enable-lifecycle/);
  });
});

describe("thresholds", () => {
  it("are recorded, one each", () => {
    const one = { record: "plimsoll:x:y", value: 0.000_000_1, because: "" };
    expect(thresholdRules([one]).groups[0]?.rules).toEqual([
      { record: "plimsoll:x:y", expr: "vector(1e-7)" },
    ]);
    expect(() => thresholdRules([one, one])).toThrow("two components");
  });

  it("carry the stack's own words", () => {
    const { texts } = made("objectives: { p95: 350ms, errors: 0.5% }\nrollback: { p95: 2s }\n");
    const rules = parse(texts["prometheus/rules/thresholds.rules.yaml"] ?? "").groups[0].rules;
    expect(rules).toContainEqual({ record: "plimsoll:objective:p95_seconds", expr: "vector(0.35)" });
    expect(rules).toContainEqual({ record: "plimsoll:objective:error_ratio", expr: "vector(0.005)" });
    expect(rules).toContainEqual({ record: "plimsoll:rollback:p95_seconds", expr: "vector(2)" });
  });
});

describe("monitoring: false", () => {
  it("leaves all of it out", () => {
    const { plan, texts } = made("monitoring: false\n");
    const left = Object.keys(plan.services).filter((name) =>
      /prometheus|alertmanager|grafana|(?:redis|postgres|node|blackbox)-exporter/.test(name),
    );
    expect(left).toEqual([]);
    expect(Object.keys(texts).filter((path) => path.startsWith("prometheus"))).toEqual([]);
  });

  it("may leave out a part: without Alertmanager nothing is handed to it", () => {
    const { config, plan } = made("monitoring: { alertmanager: false, blackbox: false }\n");
    expect(config.alerting).toBeUndefined();
    expect(plan.services.alertmanager).toBeUndefined();
    expect(config.scrape_configs.map(({ job_name }: { job_name: string }) => job_name)).not.toContain(
      "probe",
    );
  });
});

describe("promtool", () => {
  let promtool: Tool | undefined;
  beforeAll(() => {
    promtool = findTool({ tool: "promtool", image: prometheusImage });
  }, 600_000);

  it.each([
    ...environmentNames.map((environment) => [environment, ""] as const),
    ["production", "tracing: { endpoint: https://otlp.example.com }\n"] as const,
  ])("accepts the configuration of %s %s", (environment, words) => {
    if (promtool === undefined) return;
    const { texts } = made(words, environment);
    const files = Object.fromEntries(
      Object.entries(texts)
        .filter(([path]) => path.startsWith("prometheus/"))
        .map(([path, text]) => [path, text.replaceAll("/etc/prometheus/", "")]),
    );
    const checked = promtool.run(files, [
      "check",
      "config",
      "--lint=all",
      "--lint-fatal",
      "prometheus/prometheus.yaml",
    ]);
    expect(checked.code, checked.output).toBe(0);
    expect(checked.output).toContain("rules found");
  });
});

describe("the figures of the business", () => {
  const words = `business:
  orders: { title: Orders, counter: shop_orders_total, at_least: 100 }
  stars: { average: shop_stars, at_least: 4.5, per: 7d }
  score: { nps: shop_answers_total, at_least: 50 }
`;

  it("are recorded by this stack's own expressions, beside what they are to reach", () => {
    const { texts } = made(words);
    const { groups } = parse(texts["prometheus/rules/thresholds.rules.yaml"] ?? "") as ReturnType<
      typeof thresholdRules
    >;
    expect(groups.find(({ name }) => name === "computed")).toEqual({
      name: "computed",
      interval: "2m",
      rules: [
        ["sum(increase(shop_orders_total[1d]))", "orders", "Orders"],
        ["sum(increase(shop_stars_sum[7d])) / (sum(increase(shop_stars_count[7d])) > 0)", "stars", "stars"],
        [
          '100 * (sum(increase(shop_answers_total{kind="promoter"}[1d])) - sum(increase(shop_answers_total{kind="detractor"}[1d]))) / (sum(increase(shop_answers_total[1d])) > 0)',
          "score",
          "score",
        ],
      ].map(([expr, target, title]) => ({
        record: "plimsoll:business:value",
        expr,
        labels: { target, title },
      })),
    });
    expect(groups[0]?.rules).toContainEqual({
      record: "plimsoll:business:at_least",
      expr: "vector(4.5)",
      labels: { target: "stars", title: "stars" },
    });
  });

  it("are alerted on in production alone, and are not there where nothing is named", () => {
    const rules = "prometheus/rules/business.rules.yaml";
    expect([made(words).texts[rules] !== undefined, made(words, "staging").texts[rules]]).toEqual([
      true,
      undefined,
    ]);
    expect(made(words, "staging").plan.offers.dashboards).toContain("business");
    expect(made().plan.offers.dashboards).not.toContain("business");
  });

  it("are of one kind each", () => {
    expect(() => made("business: { orders: { counter: a, average: b, at_least: 1 } }\n")).toThrow(
      /expected one of counter, average and nps/,
    );
    expect(() => made("business: { orders: { at_least: 1 } }\n")).toThrow(/expected one of counter/);
    expect(() => made("business: { orders: { counter: 'a{b}', at_least: 1 } }\n")).toThrow(
      /name of a metric/,
    );
  });
});
