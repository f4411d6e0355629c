/** prometheus.yaml from what all components offer. */
import type { Context, Offers, Scrape } from "../component.ts";

type Options = { interval: number };

/** Limits on one answer: an application that makes a series of every user must not take the monitoring down. */
const SAMPLE_LIMIT = 20_000;
const BODY_LIMIT = "16MB";
/** Kept in memory, at some 100 bytes each (Prometheus's documentation of exemplar-storage): 2 MB. */
const EXEMPLARS = 20_000;

export function prometheusConfig(options: Options, offers: Offers, context: Context) {
  const interval = promDuration(options.interval);
  return {
    global: {
      scrape_interval: interval,
      scrape_timeout: promDuration(Math.min(10, options.interval)),
      evaluation_interval: interval,
      sample_limit: SAMPLE_LIMIT,
      body_size_limit: BODY_LIMIT,
      // On every alert that leaves the stack, so that a receiver of several stacks knows whose it is.
      external_labels: { stack: context.spec.name, environment: context.environment },
    },
    rule_files: ["/etc/prometheus/rules/*.rules.yaml"],
    ...(context.spec.tracing && { storage: { exemplars: { max_exemplars: EXEMPLARS } } }),
    ...(context.present.has("alertmanager") && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: ["alertmanager:9093"] }] }] },
    }),
    scrape_configs: scrapeConfigs([...offers.scrapes, ...probeScrapes(offers, context)]),
  };
}

/** Every probe is one target of the blackbox exporter, named by the probe. */
function probeScrapes(offers: Offers, context: Context): Scrape[] {
  if (!context.present.has("blackbox") || offers.probes.length === 0) return [];
  return [
    {
      job: "probe",
      path: "/probe",
      targets: offers.probes.map((probe) => ({
        service: "blackbox-exporter",
        port: 9115,
        labels: { instance: probe.name, __param_module: probe.module, __param_target: probe.target },
      })),
    },
  ];
}

/** @throws Error where two components offer a job of the same name in different words, or the same target twice */
export function scrapeConfigs(scrapes: readonly Scrape[]) {
  const jobs = new Map<string, Scrape>();
  for (const scrape of scrapes) {
    const before = jobs.get(scrape.job);
    if (before && how(before) !== how(scrape))
      throw new Error(`the job ${scrape.job} is offered in two ways`);
    jobs.set(scrape.job, before ? { ...before, targets: [...before.targets, ...scrape.targets] } : scrape);
  }
  return [...jobs.values()].map((scrape) => {
    const targets = scrape.targets.map(target);
    const seen = new Set(targets.map(({ labels }) => labels.instance));
    if (seen.size < targets.length) throw new Error(`the job ${scrape.job} has an instance twice`);
    return {
      job_name: scrape.job,
      ...(scrape.path !== undefined && { metrics_path: scrape.path }),
      ...(scrape.params && { params: scrape.params }),
      ...(scrape.interval !== undefined && { scrape_interval: promDuration(scrape.interval) }),
      static_configs: targets,
    };
  });
}

function how({ job, path, params, interval }: Scrape): string {
  return JSON.stringify([job, path, params, interval]);
}

/** The instance is the service's name, not an address: it outlives a port, and reads well in an alert. */
function target({ service, port, labels }: Scrape["targets"][number]) {
  return { targets: [`${service}:${port}`], labels: { instance: service, ...labels } };
}

/** A duration as Prometheus writes it: whole milliseconds at the finest. */
export function promDuration(seconds: number): string {
  if (!Number.isInteger(seconds)) return `${Math.round(seconds * 1000)}ms`;
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`;
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  if (seconds % 60 === 0) return `${seconds / 60}m`;
  return `${seconds}s`;
}
