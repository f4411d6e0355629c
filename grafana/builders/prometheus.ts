/** The monitoring itself: what it watches, what it keeps, and whether its alerts leave the house. */
import { board } from "../library/board.ts";
import { answered } from "../library/metrics.ts";
import { lines, number, strips } from "../library/panels.ts";
import { rows } from "../library/tables.ts";
import { objective, query } from "../library/words.ts";

function rate(metric: string, by = ""): string {
  return `sum ${by && `by (${by}) `}(rate(${metric}[$__rate_interval]))`;
}

export function prometheus() {
  return board({
    stem: "prometheus",
    title: "Monitoring",
    description: "Prometheus and Alertmanager: targets, rules, storage and notifications.",
    sections: {
      Now: [
        number({
          title: "Targets down",
          description: "What Prometheus cannot ask. The list is below.",
          unit: "none",
          limits: { above: 1 },
          queries: [query("count(up == 0) or vector(0)", "down")],
        }),
        number({
          title: "Series",
          description: "Series in memory. A jump means a label with a value for each user or request.",
          unit: "short",
          queries: [query("prometheus_tsdb_head_series", "series")],
        }),
        number({
          title: "Kept",
          description: "Age of the oldest sample. Below the retention asked for: size won over time.",
          unit: "s",
          queries: [query("time() - prometheus_tsdb_lowest_timestamp_seconds", "age")],
        }),
        number({
          title: "Rules that failed",
          description: "Evaluations of rules that failed in the last hour. An alert may be blind.",
          unit: "none",
          limits: { above: 1 },
          queries: [query("sum(increase(prometheus_rule_evaluation_failures_total[1h]))", "failed")],
        }),
        number({
          title: "Configuration",
          description: "Whether Prometheus and Alertmanager took in their newest configuration.",
          unit: "none",
          limits: { below: 1 },
          called: { "0": "refused", "1": "taken in" },
          queries: [
            query(
              'min({__name__=~"prometheus_config_last_reload_successful|alertmanager_config_last_reload_successful"})',
              "taken in",
            ),
          ],
        }),
        number({
          title: "Notifications lost",
          description: "Notifications that could not be delivered in the last hour.",
          unit: "none",
          limits: { above: 1 },
          queries: [
            query("sum(increase(alertmanager_notifications_failed_total[1h])) or vector(0)", "failed"),
          ],
        }),
      ],
      Targets: [
        strips({
          title: "Targets",
          description: "Each thing that Prometheus asks, and whether it answered.",
          height: 14,
          queries: [query(answered, "{{who}}")],
        }),
        lines({
          title: "Slowest to answer",
          description: "The ten targets that take longest. At the timeout they count as down.",
          unit: "s",
          height: 14,
          queries: [query("topk(10, scrape_duration_seconds)", "{{job}} {{instance}}")],
        }),
        lines({
          title: "Largest answers",
          description: "Samples in one answer, of the ten largest targets.",
          unit: "none",
          queries: [query("topk(10, scrape_samples_scraped)", "{{job}} {{instance}}")],
        }),
        lines({
          title: "Rules take",
          description: "Time to evaluate each group of rules. It must stay below the interval.",
          unit: "s",
          queries: [
            query(
              'label_replace(max by (rule_group) (prometheus_rule_group_last_duration_seconds), "group", "$1", "rule_group", ".*;(.*)")',
              "{{group}}",
            ),
            objective("min(prometheus_rule_group_interval_seconds)", "interval"),
          ],
        }),
      ],
      Storage: [
        lines({
          title: "Disk",
          description: "Blocks and log on disk, and the size at which the oldest are dropped.",
          unit: "bytes",
          width: 6,
          queries: [
            query("prometheus_tsdb_storage_blocks_bytes", "blocks"),
            query("prometheus_tsdb_wal_storage_size_bytes", "log"),
            objective("prometheus_tsdb_retention_limit_bytes", "limit"),
          ],
        }),
        lines({
          title: "Samples taken in",
          description: "Samples a second.",
          unit: "short",
          width: 6,
          queries: [query(rate("prometheus_tsdb_head_samples_appended_total"), "samples")],
        }),
        lines({
          title: "Memory of the monitoring",
          description: "Resident memory of Prometheus, Alertmanager and the exporters.",
          unit: "bytes",
          queries: [
            query(
              'process_resident_memory_bytes{job=~"prometheus|alertmanager|node|elasticsearch|.+-exporter"}',
              "{{job}}",
            ),
          ],
        }),
      ],
      Alerts: [
        rows({
          title: "Firing",
          description: "Every alert that fires now, but the watchdog, which always does.",
          unit: "none",
          none: "none",
          columns: { alertname: "Alert", severity: "Severity", job: "Job", instance: "Instance" },
          queries: [query('ALERTS{alertstate="firing",severity!="none"}', "alerts")],
        }),
        lines({
          title: "Notifications",
          description: "Sent and failed, an hour, to all receivers.",
          unit: "none",
          queries: [
            query(`3600 * ${rate("alertmanager_notifications_total")}`, "sent"),
            query(`3600 * ${rate("alertmanager_notifications_failed_total")}`, "failed"),
          ],
        }),
      ],
    },
  });
}
