/** PostgreSQL: both nodes, what runs on them, replication and archive, and the proxy in front. */
import { board } from "../library/board.ts";
import { promised, replicaLag, rpoLimits, rpoUsed, statementSeconds } from "../library/metrics.ts";
import { lines, number, strips } from "../library/panels.ts";
import { objective, query } from "../library/words.ts";

const NODE = 'instance=~"$node"';
const REAL = `datname!~"template.*",${NODE}`;

function rate(metric: string, matchers = NODE, by = "instance"): string {
  return `sum ${by && `by (${by}) `}(rate(${metric}{${matchers}}[$__rate_interval]))`;
}

/** How often within the last hour: a rate would make sixty an hour of one within a minute. */
function anHour(metric: string): string {
  return `sum by (instance) (increase(${metric}{${NODE}}[1h]))`;
}

const cached = `${rate("pg_stat_database_blks_hit")} / (${rate("pg_stat_database_blks_hit")} + ${rate("pg_stat_database_blks_read")} > 0)`;
const connections = `sum by (instance) (pg_stat_activity_count{${NODE}})`;

export function postgres() {
  return board({
    stem: "postgres",
    title: "PostgreSQL",
    description:
      "Primary and replica: load, connections, replication, archive and the proxy in front of them.",
    pickers: [{ name: "node", label: "Node", metric: 'pg_up{job="postgres"}', values: "instance" }],
    sections: {
      Now: [
        number({
          title: "Nodes down",
          description: "Nodes that do not answer the exporter: the replica, or the primary. See Writers.",
          unit: "none",
          limits: { warnAbove: 1, above: 2 },
          none: "not asked",
          queries: [query('count(pg_up{job="postgres"}) - sum(pg_up{job="postgres"})', "down")],
        }),
        number({
          title: "Writers",
          description:
            "Nodes that take writes. It must be 1: 0 is an outage, 2 is a split brain, to be fenced at once.",
          unit: "none",
          limits: { below: 1 },
          queries: [query("count(pg_replication_is_replica == 0) or vector(0)", "writers")],
        }),
        number({
          title: "Replica behind",
          description: "Writes that it does not show yet, of the seconds at which an alert comes; see below.",
          unit: "percentunit",
          limits: { warnAbove: 0.5, above: 1 },
          none: "no replica",
          queries: [query(`max(${replicaLag()}) / scalar(${promised.lag})`, "of what is allowed")],
        }),
        number({
          title: "Connections used",
          description:
            "Of max_connections, on the node that has the most. At 100% the application is refused.",
          unit: "percentunit",
          limits: { warnAbove: 0.7, above: 0.9 },
          queries: [
            query(`max(${connections} / on (instance) pg_settings_max_connections{${NODE}})`, "used"),
          ],
        }),
        number({
          title: "Waiting for the archive",
          description:
            "What a disaster would lose now, of objectives.rpo. A quarter warns, at least five minutes; half pages.",
          unit: "percentunit",
          limits: rpoLimits,
          none: "no archive",
          queries: [query(rpoUsed, "of the RPO")],
        }),
        number({
          title: "Longest transaction",
          description:
            "The oldest open transaction. A long one keeps vacuum from cleaning and locks others out.",
          unit: "s",
          limits: { warnAbove: 60, above: 300 },
          queries: [query(`max(pg_stat_activity_max_tx_duration{state!="idle",${NODE}})`, "oldest")],
        }),
      ],
      Load: [
        lines({
          title: "Transactions",
          description: "Commits and rollbacks a second. Many rollbacks: the application fails or competes.",
          unit: "ops",
          width: 8,
          queries: [
            query(rate("pg_stat_database_xact_commit", REAL), "{{instance}} commits"),
            query(rate("pg_stat_database_xact_rollback", REAL), "{{instance}} rollbacks"),
          ],
        }),
        lines({
          title: "A statement takes",
          lines: "slow statements",
          description:
            "Mean time of the application's statements, and of the small one that each node is probed with.",
          unit: "s",
          width: 8,
          queries: [
            query(statementSeconds, "{{instance}}"),
            query('max by (node) (plimsoll_postgres_probe_seconds{node=~"$node"})', "{{node}}, probed"),
            objective(promised.database, "promised"),
          ],
        }),
        lines({
          title: "Rows",
          description:
            "Rows a second by what was done with them. Returned far above fetched: sequential scans.",
          unit: "ops",
          width: 8,
          queries: ["returned", "fetched", "inserted", "updated", "deleted"].map((done) =>
            query(rate(`pg_stat_database_tup_${done}`, REAL, ""), done),
          ),
        }),
        lines({
          title: "Read from memory",
          description:
            "Share of the blocks found in shared_buffers. Below 95% for long: give it more memory.",
          unit: "percentunit",
          width: 8,
          max: 1,
          limits: { below: 0.95 },
          queries: [query(cached, "{{instance}}")],
        }),
        lines({
          title: "Temporary files",
          description: "Bytes a second of sorts and joins that did not fit into work_mem.",
          unit: "Bps",
          width: 8,
          queries: [query(rate("pg_stat_database_temp_bytes"), "{{instance}}")],
        }),
        lines({
          title: "Deadlocks and conflicts",
          lines: "warnings of PostgreSQL",
          description:
            "Transactions a minute that were ended: they locked each other, or stood in the replica's way.",
          unit: "none",
          width: 8,
          queries: [
            query(`60 * ${rate("pg_stat_database_deadlocks")}`, "{{instance}} deadlocks"),
            query(`60 * ${rate("pg_stat_database_conflicts")}`, "{{instance}} conflicts"),
          ],
        }),
      ],
      Connections: [
        lines({
          title: "By state",
          description:
            "Idle in transaction is a connection that holds locks and does nothing: a fault of the application.",
          unit: "none",
          stack: true,
          queries: [query(`sum by (state) (pg_stat_activity_count{${NODE}}) > 0`, "{{state}}")],
        }),
        lines({
          title: "Against the limit",
          description: "Connections of each node and the most it takes.",
          unit: "none",
          queries: [
            query(connections, "{{instance}}"),
            objective(`min(pg_settings_max_connections{${NODE}})`, "max_connections"),
          ],
        }),
      ],
      "Replication and archive": [
        lines({
          title: "Replica behind, by node",
          description:
            "In seconds. It climbs where the replica is overloaded, or a long query there holds replay up.",
          unit: "s",
          width: 8,
          queries: [query(replicaLag(NODE), "{{instance}}"), objective(promised.lag, "alert above")],
        }),
        lines({
          title: "Log kept for the replica",
          description:
            "Write-ahead log that a slot holds. At the limit the slot is given up, and the replica rebuilt.",
          unit: "bytes",
          width: 8,
          queries: [
            query("max by (slot_name) (pg_replication_slots_pg_wal_lsn_diff)", "{{slot_name}}"),
            objective("max(pg_settings_max_slot_wal_keep_size_bytes > 0)", "max_slot_wal_keep_size"),
          ],
        }),
        lines({
          title: "Write-ahead log on disk",
          description: "Size of pg_wal. Above max_wal_size for long: archiving fails, or a slot holds it.",
          unit: "bytes",
          width: 8,
          queries: [
            query(`pg_wal_size_bytes{${NODE}}`, "{{instance}}"),
            objective(`max(pg_settings_max_wal_size_bytes{${NODE}})`, "max_wal_size"),
          ],
        }),
        lines({
          title: "Archived segments",
          description:
            "Segments archived and refused within an hour. Refused ones are tried again until pg_wal is full.",
          unit: "none",
          width: 8,
          queries: [
            query(anHour("pg_stat_archiver_archived_count"), "{{instance}} archived"),
            query(anHour("pg_stat_archiver_failed_count"), "{{instance}} failed"),
          ],
        }),
        lines({
          title: "Checkpoints",
          description:
            "Within an hour, by cause. Requested ones mean that max_wal_size is too small for the writes.",
          unit: "none",
          width: 8,
          queries: [
            query(anHour("pg_stat_checkpointer_num_timed_total"), "{{instance}} timed"),
            query(anHour("pg_stat_checkpointer_num_requested_total"), "{{instance}} requested"),
          ],
        }),
        lines({
          title: "Size of databases",
          description: "On the primary, without write-ahead log.",
          unit: "bytes",
          width: 8,
          queries: [query('max by (datname) (pg_database_size_bytes{datname!~"template.*"})', "{{datname}}")],
        }),
      ],
      "The proxy in front": [
        strips({
          title: "Servers as the proxy sees them",
          description: "Which node takes writes and which takes reads.",
          width: 24,
          queries: [
            query('max by (proxy, server) (haproxy_server_status{state="UP"})', "{{proxy}} {{server}}"),
          ],
        }),
        lines({
          title: "Sessions",
          description: "Open sessions of each door and node.",
          unit: "none",
          queries: [
            query("sum by (proxy, server) (haproxy_server_current_sessions)", "{{proxy}} {{server}}"),
          ],
        }),
        lines({
          title: "Failed connections",
          lines: "what the proxy says",
          description: "Connections a second that the proxy could not open, or that a node ended.",
          unit: "ops",
          queries: [
            query(
              "sum by (proxy) (rate(haproxy_backend_connection_errors_total[$__rate_interval]))",
              "{{proxy}} refused",
            ),
            query(
              "sum by (proxy) (rate(haproxy_backend_server_aborts_total[$__rate_interval]))",
              "{{proxy}} ended",
            ),
          ],
        }),
      ],
    },
  });
}
