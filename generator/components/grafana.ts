/** Grafana: data sources and dashboards from files, an admin with a password of its own, nothing that calls home. */
import { z } from "zod";
import { dashboardStems } from "../../grafana/stems.ts";
import { readOwn } from "../package.ts";
import { MiB, Port } from "../spec/words.ts";
import {
  type Contribution,
  copy,
  defineComponent,
  type File,
  type Grants,
  isDebian,
  mountFolder,
  mountVolume,
  type Offers,
  type Service,
} from "./component.ts";
import { grafanaEnvironment } from "./grafana/settings.ts";
import { dataSources, ELASTIC_PASSWORD } from "./grafana/sources.ts";

export const Grafana = z
  .strictObject({
    port: Port.default(3000).describe("Port on 127.0.0.1 of the machine; reach it through an SSH tunnel"),
  })
  .prefault({})
  .describe("Dashboards");
export type Grafana = z.output<typeof Grafana>;

const IMAGE = "grafana/grafana:13.2.0";
/** Facts of the official image (grafana/grafana, Dockerfile and packaging/docker/run.sh): uid, data folder, port. */
const UID = 472;
const DATA = "/var/lib/grafana";
const PORT = 3000;
const DASHBOARDS = "/etc/grafana/dashboards";
/** Seconds: the longest that Prometheus may take between two scrapes, where it does not say. */
const LONGEST_INTERVAL = "60s";

export const grafana = defineComponent({
  name: "grafana",
  at: ["monitoring", "grafana"],
  options: Grafana,
  optional: true,
  absent: (context) =>
    isDebian(context) ? "Debian has no package of Grafana: the dashboards are left out" : undefined,
  check: (_options, context) =>
    context.present.has("prometheus")
      ? []
      : [
          {
            path: [],
            message: "has nothing to show without monitoring.prometheus",
            remedy: "Leave it out too: monitoring: { prometheus: false, grafana: false }",
          },
        ],
  claim: () => [
    {
      service: "grafana",
      // Grafana 13 idles at about 200 MB with compression off: below that it is killed while it starts.
      memory: { floor: 256 * MiB, weight: 1, ceiling: 768 * MiB },
      cpu: { weight: 256 },
      // The server, and a process for each kind of data source.
      pids: 256,
      disk: { grafana: { floor: 256 * MiB, weight: 0 } },
    },
  ],
  contribute: (options, grants, context): Contribution => {
    const elastic = context.present.has("elk");
    const memory = goMemory(grants);
    const service: Service = {
      // `absent` keeps it out of Debian stacks.
      image: { official: IMAGE, debian: IMAGE },
      // Group 0 as in the image: so the backup may read the database, which Grafana creates with mode 0640.
      user: `${UID}:0`,
      environment: {
        ...grafanaEnvironment({ ...options, elastic, name: `${context.spec.name}-${context.environment}` }),
        GOMEMLIMIT: String(memory),
      },
      secrets: ["grafana_admin_password", "grafana_secret_key", ...(elastic ? [ELASTIC_PASSWORD] : [])],
      networks: ["monitoring", "admin", ...(elastic ? (["logging"] as const) : [])],
      ports: [{ target: PORT, published: String(options.port), host_ip: "127.0.0.1" }],
      volumes: [
        mountVolume("grafana", DATA),
        // Two folders, not all of provisioning: that would hide the image's empty ones, and each would be an error.
        mountFolder("grafana/datasources", "/etc/grafana/provisioning/datasources"),
        mountFolder("grafana/providers", "/etc/grafana/provisioning/dashboards"),
        mountFolder("grafana/dashboards", DASHBOARDS),
      ],
      tmpfs: ["/tmp"],
      depends_on: { prometheus: { condition: "service_healthy" } },
      // busybox's wget: the image is Alpine. /api/health answers 503 where the database does not.
      healthcheck: {
        test: ["CMD", "wget", "-q", "-O", "/dev/null", `http://127.0.0.1:${PORT}/api/health`],
        start_period: "120s",
      },
      stop_grace_period: "30s",
    };
    return {
      services: { grafana: service },
      volumes: ["grafana"],
      secrets: [
        { name: "grafana_admin_password", random: 32 },
        { name: "grafana_secret_key", random: 32 },
      ],
      files: [
        {
          path: "grafana/providers/dashboards.yaml",
          content: { yaml: provider() },
          restarts: ["grafana"],
        },
      ],
      dashboards: ["overview"],
      scrapes: [{ job: "grafana", targets: [{ service: "grafana", port: PORT }] }],
      logs: { grafana: "logfmt" },
      backups: [{ what: "grafana", volume: "grafana" }],
      settings: [
        {
          service: "grafana",
          setting: "GOMEMLIMIT",
          value: `${Math.floor(memory / MiB)} MiB`,
          because: "half of its memory: the processes of the data sources take their share of the rest",
        },
      ],
      doors: [
        {
          name: "Grafana",
          url: `http://127.0.0.1:${options.port}`,
          user: "admin",
          password: "grafana_admin_password",
        },
      ],
    };
  },
  collect: (_options, _grants, offers, context) => ({
    files: [
      {
        path: "grafana/datasources/datasources.yaml",
        content: {
          yaml: dataSources({
            interval: scrapeInterval(offers),
            elastic: context.present.has("elk"),
            view: context.spec.tracing?.view,
          }),
          comment: "Read when Grafana starts.",
        },
        restarts: ["grafana"],
      },
      ...dashboardFiles(offers, context.present.has("elk")),
    ],
  }),
});

/** Bytes. Go's runtime collects harder as it comes near; what it cannot see are the other processes. */
function goMemory(grants: Grants): number {
  return Math.floor(grants.service("grafana").memory / 2);
}

/** As Prometheus writes it, among its settings. */
function scrapeInterval({ settings }: Offers): string {
  const found = settings.find(
    ({ service, setting }) => service === "prometheus" && setting === "scrape_interval",
  );
  return found?.value ?? LONGEST_INTERVAL;
}

/** Source: provisioning of dashboards, `apiVersion: 1`. New and changed files are taken in without a restart. */
function provider() {
  return {
    apiVersion: 1,
    providers: [
      {
        name: "plimsoll",
        orgId: 1,
        folder: "plimsoll",
        type: "file",
        disableDeletion: false,
        allowUiUpdates: false,
        updateIntervalSeconds: 30,
        options: { path: DASHBOARDS, foldersFromFilesStructure: false },
      },
    ],
  };
}

function dashboardFiles(offers: Offers, elastic: boolean): File[] {
  const known: readonly string[] = dashboardStems;
  return offers.dashboards.map((stem) => {
    if (!known.includes(stem)) throw new Error(`there is no grafana/dashboards/${stem}.json`);
    const path = `grafana/dashboards/${stem}.json`;
    return elastic ? copy(path, path) : { path, content: { json: withoutLogs(readOwn(path)) } };
  });
}

/** Without the links of its panels to lines of the logs, where there are none. */
function withoutLogs(text: string): unknown {
  const dashboard = JSON.parse(text) as { panels: { links?: { url: string }[] }[] };
  const panels = dashboard.panels.map((panel) => ({
    ...panel,
    ...(panel.links && { links: panel.links.filter(({ url }) => !url.startsWith("/explore?")) }),
  }));
  return { ...dashboard, panels };
}
