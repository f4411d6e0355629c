/** Grafana's settings by section and key, as its defaults.ini spells them; set through the environment. */

/** Where Grafana 13 reads a key; the test holds every key we set against this list. */
export type SettingKey = `${string}/${string}`;

/**
 * Data sources that the image bundles and nobody here asks: each would be a process of its own.
 * Source: grafana/grafana, scripts/catalog-plugins-defaults, August 2026.
 */
const UNUSED = [
  "cloudwatch",
  "grafana-postgresql-datasource",
  "grafana-pyroscope-datasource",
  "influxdb",
  "jaeger",
  "loki",
  "mssql",
  "mysql",
  "opentsdb",
  "stackdriver",
  "tempo",
  "zipkin",
];

export type Words = {
  /** Port on 127.0.0.1. */
  port: number;
  elastic: boolean;
  /** Stack and environment, so that two Grafanas on one 127.0.0.1 do not log each other out. */
  name: string;
};

export function grafanaSettings({ port, elastic, name }: Words): Record<SettingKey, string> {
  return {
    "server/root_url": `http://127.0.0.1:${port}/`,
    // On by default since 13.0, where it grows without end (grafana 123017); over a tunnel, ssh can compress.
    "server/enable_gzip": "false",
    "security/admin_user": "admin",
    "security/disable_gravatar": "true",
    "security/cookie_samesite": "strict",
    "auth/login_cookie_name": `grafana_${name.replaceAll("-", "_")}`,
    "auth.anonymous/enabled": "false",
    "users/allow_sign_up": "false",
    "users/allow_org_create": "false",
    "analytics/reporting_enabled": "false",
    "analytics/check_for_updates": "false",
    "analytics/check_for_plugin_updates": "false",
    "analytics/feedback_links_enabled": "false",
    "news/news_feed_enabled": "false",
    "snapshots/enabled": "false",
    "public_dashboards/enabled": "false",
    // Without it, Grafana 13 updates its bundled data sources at each start: it stops Prometheus's, fails to write
    // to the read-only image, and every dashboard is empty (grafana 132528).
    "plugins/preinstall_disabled": "true",
    "plugins/plugin_admin_enabled": "false",
    "plugins/public_key_retrieval_disabled": "true",
    "plugins/disable_plugins": [...UNUSED, ...(elastic ? [] : ["elasticsearch"])].sort().join(","),
    // Prometheus and Alertmanager alert.
    "unified_alerting/enabled": "false",
    "dashboards/default_home_dashboard_path": "/etc/grafana/dashboards/overview.json",
    "log/mode": "console",
    // logfmt, as Prometheus and the exporters write: one parser for all of them.
    "log.console/format": "text",
  };
}

/** `auth.anonymous/enabled` is GF_AUTH_ANONYMOUS_ENABLED: capitals, with `_` for `.` and `-`. */
export function environmentName(key: SettingKey): string {
  return `GF_${key.replaceAll(/[./-]/g, "_").toUpperCase()}`;
}

export function grafanaEnvironment(words: Words): Record<string, string> {
  return {
    ...Object.fromEntries(
      Object.entries(grafanaSettings(words)).map(([key, value]) => [
        environmentName(key as SettingKey),
        value,
      ]),
    ),
    // The image's run.sh reads NAME__FILE into NAME before it starts the server.
    GF_SECURITY_ADMIN_PASSWORD__FILE: "/run/secrets/grafana_admin_password",
    GF_SECURITY_SECRET_KEY__FILE: "/run/secrets/grafana_secret_key",
  };
}
