/** alertmanager.yaml: who is told of what, how often, and what is kept quiet because its cause was told already. */
import { type Receiver, type Severity, testReceiver } from "./options.ts";
import { integration, secretFile, watchdogSecret } from "./receivers.ts";
import { type Places, type Texts, texts } from "./texts.ts";

/** Takes in what nobody wants to be told. */
const NOBODY = "nobody";
const SAME_STACK = ["stack", "environment"];
/** `plimsoll alerts test` asks for one receiver by this label, and follows what becomes of it by the receiver's name. */
const TEST_LABEL = "plimsoll_test";

export function alertmanagerConfig(receivers: readonly Receiver[], watchdog: boolean, places: Places) {
  const words = texts(places);
  return {
    route: {
      receiver: NOBODY,
      group_by: [...SAME_STACK, "alertname"],
      // Long enough for the cause to arrive beside its symptoms, which it then keeps quiet.
      group_wait: "30s",
      group_interval: "5m",
      repeat_interval: "4h",
      routes: [
        ...tested(receivers, watchdog, words).map(({ name }) => testRoute(name)),
        watchdog
          ? {
              matchers: ['alertname="Watchdog"'],
              receiver: "watchdog",
              group_wait: "0s",
              group_interval: "1m",
              repeat_interval: "50s",
            }
          : { matchers: ['alertname="Watchdog"'], receiver: NOBODY },
        { matchers: ['severity="page"'], receiver: "page", repeat_interval: "1h" },
        { matchers: ['severity="warn"'], receiver: "warn", repeat_interval: "12h" },
      ],
    },
    inhibit_rules: inhibitions(),
    receivers: [
      { name: NOBODY },
      receiver("page", receivers, words),
      receiver("warn", receivers, words),
      ...(watchdog ? [{ name: "watchdog", webhook_configs: [watchdogCall] }] : []),
      ...tested(receivers, watchdog, words).map(({ name, configs }) => ({
        name: testReceiver(name),
        ...configs,
      })),
    ],
  };
}

const watchdogCall = { send_resolved: false, url_file: secretFile(watchdogSecret.name) };

/** Each by itself: in `page` one that fails would hide behind another of its kind. */
function tested(receivers: readonly Receiver[], watchdog: boolean, words: Texts) {
  const own = receivers.map((entry) => {
    const { key, config } = integration(entry, words);
    return { name: entry.name, configs: { [key]: [config] } };
  });
  return watchdog ? [...own, { name: "watchdog", configs: { webhook_configs: [watchdogCall] } }] : own;
}

/** At once, in a group of its own, and over as soon as it is said to be. */
function testRoute(name: string) {
  return {
    matchers: [`${TEST_LABEL}="${name}"`],
    receiver: testReceiver(name),
    group_by: ["..."],
    group_wait: "0s",
    group_interval: "5s",
  };
}

/**
 * Follows from no fault of another layer: an end that was set, damage, a setting that somebody changed; and what its rule
 * tells only while nginx itself answers.
 */
const OF_ITSELF =
  "Certificate.*|EdgeNoServers|EdgeServerDrained|PostgresPagesDamaged|PostgresTwoPrimaries|PostgresWraparound|" +
  "PublicAddressUnreachable|PublicNameDown|RedirectGone|RedisSessionsEvicted|RedisSessionsNotPersisted";

/**
 * A lost disk or database is one page, not one for each thing that leans on it: what costs all requests keeps quiet what
 * follows from it, and no other page does. Not a machine or a store that is nearly full: most requests are still
 * answered, and what else is wrong, a bad release, say, is not its doing.
 */
function inhibitions() {
  const implies = (alerts: string, target: string[]) => ({
    source_matchers: [`alertname=~"${alerts}"`],
    target_matchers: target,
    equal: SAME_STACK,
  });
  /** Of the same service alone. */
  const impliesOfIt = (alerts: string, others: string) => ({
    ...implies(alerts, [`alertname=~"${others}"`]),
    equal: [...SAME_STACK, "instance"],
  });
  const above = (layers: string) => [`layer=~"${layers}"`, `alertname!~"${OF_ITSELF}"`];
  return [
    // By name: a damaged page is a page too, and for a day, and explains no lost server.
    implies("HostDiskGone", above("database|sessions|cache|api|edge")),
    implies("PostgresNoPrimary|PostgresProxyDown|RedisSessionsDown", above("api|edge")),
    implies("ApiDown", above("edge")),
    // The same, further on.
    implies("HostMemoryGone", ['alertname="HostMemoryShort"']),
    implies("HostDiskFull", ['alertname="HostDiskFilling"']),
    implies("HostDiskGone", ['alertname=~"HostDiskFilling|HostDiskFull|HostDiskFullTomorrow"']),
    implies("PostgresConnectionsExhausted", ['alertname="PostgresConnectionsNearLimit"']),
    implies("RedisSessionsFull", ['alertname="RedisSessionsMemory"']),
    implies("CertificateEnds", ['alertname="CertificateEndsSoon"']),
    implies("CertificateExpires", ['alertname="CertificateExpiresSoon"']),
    // The same promise, broken slowly while it is being broken fast.
    {
      source_matchers: ['severity="page"', 'objective!=""'],
      target_matchers: ['severity="warn"', 'objective!=""'],
      equal: [...SAME_STACK, "objective"],
    },
    // A service that is gone is told once, by whoever knows it best.
    impliesOfIt(
      "ApiServerDown|PostgresNodeDown|PostgresExporterDown|PostgresProxyDown|RedisSessionsDown|RedisCacheDown",
      "ServiceDown",
    ),
    impliesOfIt("ServiceDown", "TargetDown|PortUnreachable"),
    // One message for one cause: what only says the same of a part of it, or further on.
    // Not what may have been the cause: a share of the disk that is full, a slot.
    implies("PostgresNoPrimary", [
      'alertname=~"PostgresNodeDown|PostgresReplicaDetached|PostgresReplicationLag|DatabaseLatencyAboveObjective"',
    ]),
    implies("PostgresNoPrimary|PostgresProxyDown", ['alertname="PortUnreachable"', 'instance=~"postgres.*"']),
    implies("PostgresNodeDown", ['alertname="PostgresReplicaDetached"']),
    // Through it every node is asked.
    implies("PostgresExporterDown", ['alertname="TargetDown"', 'job=~"postgres|postgres-exporter"']),
    // A node that answers nobody is slow for the probe, too. Not by TargetDown: a node's `up` is what its exporter answers,
    // and the probe asks by itself.
    impliesOfIt("PostgresNodeDown|ServiceDown", "DatabaseLatencyAboveObjective"),
    // Figures that are missing since whoever writes them is.
    impliesOfIt("ServiceDown", "LogsNotWatched"),
    {
      source_matchers: ['alertname="ServiceDown"', 'instance="postgres-probe"'],
      target_matchers: ['alertname="DatabaseLatencyNotMeasured"'],
      equal: SAME_STACK,
    },
    implies("ApiDown", ['alertname="ApiServerDown"']),
    implies("PublicAddressDown", ['alertname=~"ServiceDown|TargetDown"', 'instance="nginx"']),
    implies("PublicAddressDown", ['alertname=~"PublicAddressUnreachable|PublicNameDown|RedirectGone"']),
    implies("EdgeErrors", ['alertname=~"ErrorsBurnFast|UptimeBurnsFast"']),
    implies("PublicAddressDown", ['alertname="UptimeBurnsFast"']),
    implies("EdgeSlow", ['alertname="LatencyBurnsFast"']),
    // Of days, and of now.
    implies("LatencyBurnsSlowly", ['alertname="LatencyAboveObjective"']),
    implies("ArchiveFails", ['alertname="ArchiveWaits"']),
    // A target that cannot be asked says no more than that of itself.
    {
      source_matchers: ['severity="page"', 'instance!=""'],
      target_matchers: ['alertname="TargetDown"'],
      equal: [...SAME_STACK, "instance"],
    },
  ];
}

function receiver(severity: Severity, receivers: readonly Receiver[], words: Texts) {
  const configs: Record<string, Record<string, unknown>[]> = {};
  for (const entry of receivers.filter(({ on }) => on.includes(severity))) {
    const { key, config } = integration(entry, words);
    configs[key] = [...(configs[key] ?? []), config];
  }
  return { name: severity, ...configs };
}
