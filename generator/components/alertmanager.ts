/** Alertmanager: one page for one cause, to whoever stack.yaml names. */
import { MiB } from "../spec/words.ts";
import { alertmanagerConfig } from "./alertmanager/config.ts";
import { Alertmanager, PAGES, pagedBy, type Receiver } from "./alertmanager/options.ts";
import { receiverSecret, watchdogSecret } from "./alertmanager/receivers.ts";
import {
  type Context,
  type Contribution,
  defineComponent,
  mountFolder,
  mountVolume,
  type OptionFault,
} from "./component.ts";
import { goImage, goMemoryLimit, wgetProbe } from "./exporters/image.ts";

export { Alertmanager };

const NAME = "alertmanager";
const PORT = 9093;
const UID = 65_534;
const DATA = "/alertmanager";
const FOLDER = "/etc/alertmanager";

/** nobody, /bin/alertmanager, /alertmanager, busybox. */
export const alertmanagerImage = goImage({
  name: NAME,
  official: "prom/alertmanager:v0.34.0",
  source: "prometheus/alertmanager, Dockerfile",
  package: "prometheus-alertmanager",
  binary: "/bin/alertmanager",
  debianBinary: "/usr/bin/prometheus-alertmanager",
  uid: UID,
  port: PORT,
  folders: [DATA, FOLDER],
});

export const alertmanager = defineComponent({
  name: NAME,
  at: ["monitoring", "alertmanager"],
  options: Alertmanager,
  optional: true,

  check: ({ receivers, watchdog }) =>
    receivers.flatMap((one, index) => named(one, index, receivers, watchdog)),

  claim: () => [
    {
      service: NAME,
      memory: { floor: 48 * MiB, weight: 0 },
      cpu: { weight: 128 },
      pids: 64,
      disk: { [NAME]: { floor: 64 * MiB, weight: 0 } },
    },
  ],

  contribute(options, grants, context): Contribution {
    const local = context.environment === "local";
    const { receivers, watchdog } = told(options, context);
    const secrets = [...receivers.map(receiverSecret), ...(watchdog ? [watchdogSecret] : [])];
    return {
      services: {
        [NAME]: {
          image: alertmanagerImage,
          user: `${UID}:${UID}`,
          command: [
            `--config.file=${FOLDER}/alertmanager.yaml`,
            `--storage.path=${DATA}`,
            // One of it: no gossip, no port for it.
            "--cluster.listen-address=",
            // Which receiver failed, not only of which kind: `plimsoll alerts test` reads it.
            "--enable-feature=receiver-name-in-metrics",
            `--web.external-url=http://127.0.0.1:${options.port}/`,
          ],
          environment: { GOMEMLIMIT: goMemoryLimit(grants.service(NAME).memory) },
          secrets: secrets.map(({ name }) => name),
          networks: ["monitoring", "admin", ...(secrets.length > 0 ? (["egress"] as const) : [])],
          ports: [{ target: PORT, published: String(options.port), host_ip: "127.0.0.1" }],
          volumes: [mountFolder(NAME, FOLDER), mountVolume(NAME, DATA)],
          healthcheck: wgetProbe(PORT, "/-/ready"),
          stop_grace_period: "15s",
        },
      },
      volumes: [NAME],
      secrets,
      scrapes: [{ job: NAME, targets: [{ service: NAME, port: PORT }] }],
      rules: ["alertmanager"],
      logs: { [NAME]: "logfmt" },
      backups: [{ what: NAME, none: "Silences, and what was sent already: made anew within hours" }],
      settings: [
        {
          service: NAME,
          setting: "receivers",
          value:
            receivers.length > 0 ? receivers.map(({ name }) => name).join(", ") : "none: alerts reach nobody",
          because: local ? "local wakes nobody" : "monitoring.alertmanager.receivers",
        },
        {
          service: NAME,
          setting: PAGES.setting,
          value: pagedBy(receivers).join(", ") || PAGES.nobody,
          because: "receivers whose `on` has page",
        },
        {
          service: NAME,
          setting: "watchdog",
          value: watchdog
            ? "called every minute while all is well"
            : "none: nobody notices when monitoring itself dies",
          because: local ? "local wakes nobody" : "monitoring.alertmanager.watchdog",
        },
      ],
      doors: [{ name: "Alertmanager", url: `http://127.0.0.1:${options.port}` }],
    };
  },

  collect: (options, _grants, offers, context) => {
    const { receivers, watchdog } = told(options, context);
    const grafana = offers.doors.find(({ name }) => name === "Grafana")?.url;
    const places = { environment: context.environment, grafana, runbooks: options.runbooks };
    return {
      files: [
        {
          path: `${NAME}/alertmanager.yaml`,
          content: { yaml: alertmanagerConfig(receivers, watchdog, places) },
          restarts: [NAME],
        },
      ],
    };
  },
});

/** Nobody is woken by a laptop: its secrets are empty, too. */
function told({ receivers, watchdog }: Alertmanager, { environment }: Context) {
  return environment === "local" ? { receivers: [], watchdog: false } : { receivers, watchdog };
}

function named(
  { name }: Receiver,
  index: number,
  all: readonly Receiver[],
  watchdog: boolean,
): OptionFault[] {
  const path = ["receivers", index, "name"];
  const remedy = "Give each receiver a name of its own: its secret's file carries it.";
  if (all.findIndex((other) => other.name === name) < index)
    return [{ path, message: `the name ${name} is taken by a receiver above`, remedy }];
  if (watchdog && name === "watchdog")
    return [{ path, message: "the name watchdog is taken by watchdog: true", remedy }];
  return [];
}
