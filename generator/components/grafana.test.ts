import { describe, expect, it } from "vitest";
import { dashboardStems } from "../../grafana/stems.ts";
import { rulesOf } from "../../prometheus/mutation/rules.ts";
import { produce } from "../index.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { environmentName, grafanaSettings, type SettingKey } from "./grafana/settings.ts";

const stack = shortest.replace("s-4vcpu-8gb", "s-4vcpu-16gb-amd");

/**
 * Every key we set, with where Grafana reads it. `plugins` and `cookies`: pkg/setting/setting_plugins.go and
 * setting_authn.go as of August 2026 (13.2). `parse`: parseINIFile, readSecuritySettings, readUserSettings,
 * readSnapshotsSettings, readServerSettings, readPublicDashboardsSettings of pkg/setting/setting.go (12.x). `used`:
 * set on a running 13.2 image, in public reports of it. Grafana itself has never run in this repository's tests.
 */
const KNOWN: Record<SettingKey, "plugins" | "cookies" | "parse" | "used"> = {
  "server/root_url": "cookies",
  "server/enable_gzip": "used",
  "security/admin_user": "parse",
  "security/admin_password": "used",
  "security/secret_key": "cookies",
  "security/disable_gravatar": "parse",
  "security/cookie_samesite": "cookies",
  "auth/login_cookie_name": "cookies",
  "auth.anonymous/enabled": "used",
  "users/allow_sign_up": "parse",
  "users/allow_org_create": "parse",
  "analytics/reporting_enabled": "used",
  "analytics/check_for_updates": "used",
  "analytics/check_for_plugin_updates": "used",
  "analytics/feedback_links_enabled": "used",
  "news/news_feed_enabled": "used",
  "snapshots/enabled": "parse",
  "public_dashboards/enabled": "parse",
  "plugins/preinstall_disabled": "plugins",
  "plugins/plugin_admin_enabled": "plugins",
  "plugins/public_key_retrieval_disabled": "plugins",
  "plugins/disable_plugins": "plugins",
  "unified_alerting/enabled": "used",
  "dashboards/default_home_dashboard_path": "parse",
  "log/mode": "parse",
  "log.console/format": "parse",
};

function planned(yaml = stack, options: { images?: "official" | "debian" } = {}) {
  const { plan } = produce(sourceOf(yaml), "production", options);
  const service = plan.services.grafana?.compose;
  const file = (path: string) => plan.files.find((candidate) => candidate.path === path);
  return { plan, service, environment: service?.environment ?? {}, file };
}

describe("grafana", () => {
  it("sets only keys that Grafana reads, and none that is dead", () => {
    const keys = Object.keys(grafanaSettings({ port: 3000, elastic: false, name: "a" }));
    const secrets = ["security/admin_password", "security/secret_key"];
    expect([...keys, ...secrets].sort()).toEqual(Object.keys(KNOWN).sort());
    const names = Object.keys(KNOWN).map((key) => environmentName(key as SettingKey));
    const set = Object.keys(planned().environment).map((name) => name.replace(/__FILE$/, ""));
    expect(set.sort()).toEqual([...names, "GOMEMLIMIT"].sort());
  });

  it("lets nobody in without a password, has no default one, and calls nobody", () => {
    const { environment, service, plan } = planned();
    expect(environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ENABLED: "false",
      GF_USERS_ALLOW_SIGN_UP: "false",
      GF_ANALYTICS_REPORTING_ENABLED: "false",
      GF_ANALYTICS_CHECK_FOR_UPDATES: "false",
      GF_PLUGINS_PREINSTALL_DISABLED: "true",
      GF_SECURITY_ADMIN_PASSWORD__FILE: "/run/secrets/grafana_admin_password",
      GF_SECURITY_SECRET_KEY__FILE: "/run/secrets/grafana_secret_key",
    });
    expect(environment).not.toHaveProperty("GF_SECURITY_ADMIN_PASSWORD");
    expect(service?.ports).toEqual([{ target: 3000, published: "3000", host_ip: "127.0.0.1" }]);
    expect(Object.keys(service?.networks ?? {})).not.toContain("egress");
    expect(plan.offers.doors).toContainEqual(
      expect.objectContaining({ name: "Grafana", password: "grafana_admin_password" }),
    );
  });

  it("mounts a folder for each of its folders, and writes only to its volume", () => {
    const { service, plan } = planned();
    const bound = (service?.volumes ?? []).filter(({ type }) => type === "bind").map(({ source }) => source);
    expect(bound).toEqual(["./grafana/datasources", "./grafana/providers", "./grafana/dashboards"]);
    const folders = plan.files
      .filter(({ component }) => component === "grafana")
      .map(({ path }) => `./${path.split("/").slice(0, -1).join("/")}`);
    expect([...new Set(folders)].sort()).toEqual([...bound].sort());
    expect(service?.read_only).toBe(true);
  });

  it("points its data source at Prometheus under the uid that the dashboards name", () => {
    const { content } =
      planned(`${stack}logging: false\n`).file("grafana/datasources/datasources.yaml") ?? {};
    expect(content).toMatchObject({
      yaml: {
        prune: true,
        datasources: [{ uid: "prometheus", url: "http://prometheus:9090", isDefault: true, editable: false }],
      },
    });
  });

  it.each([true, false])(
    "reads logs where they are kept (%s), with a password that is in no file",
    (logging) => {
      const { plan, file, environment, service } = planned(`${stack}logging: ${logging ? "{}" : "false"}\n`);
      expect(plan.components.includes("elk")).toBe(logging);
      const text = JSON.stringify(file("grafana/datasources/datasources.yaml")?.content);
      expect(text.includes("$__file{/run/secrets/elk_grafana_password}")).toBe(logging);
      expect(environment.GF_PLUGINS_DISABLE_PLUGINS?.split(",").includes("elasticsearch")).toBe(!logging);
      expect(Object.keys(service?.networks ?? {}).includes("logging")).toBe(logging);
      if (logging) expect(plan.secrets.map(({ name }) => name)).toContain("elk_grafana_password");
    },
  );

  it("carries the dashboards that the components offer, and no other", () => {
    const { plan } = planned();
    const carried = plan.files.filter(({ path }) => path.startsWith("grafana/dashboards/"));
    expect(carried.map(({ path }) => path)).toEqual(
      plan.offers.dashboards.map((stem) => `grafana/dashboards/${stem}.json`),
    );
    expect(plan.offers.dashboards).toContain("overview");
    expect(dashboardStems).toEqual(expect.arrayContaining([...plan.offers.dashboards]));
  });

  it("has the dashboard of the logs where there are logs, those of objectives and releases always", () => {
    for (const logging of ["{}", "false"]) {
      const { dashboards } = planned(`${stack}logging: ${logging}\n`).plan.offers;
      expect(dashboards.includes("logs"), logging).toBe(logging === "{}");
      expect(dashboards).toEqual(expect.arrayContaining(["objectives", "release"]));
    }
  });

  it("has panels' links to the logs where there are logs, and is the same else", () => {
    const links = (logging: string) => {
      const { files } = produce(sourceOf(`${stack}logging: ${logging}\n`), "production");
      const edge = files.find(({ path }) => path === "grafana/dashboards/edge.json");
      const { panels } = JSON.parse(edge?.text ?? "") as { panels: { links?: { url: string }[] }[] };
      return panels.flatMap(({ links }) => links ?? []).map(({ url }) => url);
    };
    const toLogs = (url: string) => url.startsWith("/explore?");
    expect(links("{}").filter(toLogs).length).toBeGreaterThan(3);
    expect(links("false")).toEqual(links("{}").filter((url) => !toLogs(url)));
    expect(links("false").length).toBeGreaterThan(0);
  });

  it.each(["{}", "false"])("has the dashboard that each alert names (logging: %s)", (logging) => {
    const { plan } = planned(`${stack}logging: ${logging}\n`);
    const named = plan.offers.rules.flatMap((stem) =>
      rulesOf(stem).flatMap(({ annotations }) => annotations?.dashboard ?? []),
    );
    expect(named.length).toBeGreaterThan(50);
    expect([...new Set(named)].filter((stem) => !plan.offers.dashboards.includes(stem))).toEqual([]);
  });

  it("leaves Go half of its memory, and takes the port it is given", () => {
    const { plan, environment } = planned(`${stack}monitoring:\n  grafana:\n    port: 3300\n`);
    const line = plan.budget.lines.find(({ name }) => name === "grafana");
    expect(Number(environment.GOMEMLIMIT)).toBe(Math.floor((line?.memory ?? 0) / 2));
    expect(environment.GF_SERVER_ROOT_URL).toBe("http://127.0.0.1:3300/");
  });

  it("is left out of Debian stacks, which say so, and where it is switched off", () => {
    const debian = planned(stack, { images: "debian" });
    expect(debian.service).toBeUndefined();
    expect(debian.plan.absent).toContainEqual({
      component: "grafana",
      why: expect.stringContaining("no package"),
    });
    expect(planned(`${stack}monitoring:\n  grafana: false\n`).service).toBeUndefined();
  });

  it("says what it lacks where Prometheus is left out", () => {
    expect(() => planned(`${stack}monitoring:\n  prometheus: false\n`)).toThrow(/monitoring\.prometheus/);
  });

  it("names its login cookie by stack and environment: two tunnels share one 127.0.0.1", () => {
    expect(planned().environment.GF_AUTH_LOGIN_COOKIE_NAME).toBe("grafana_hello_production");
  });
});
