# Pages that are damaged: those that a node met with a wrong checksum, and whether the newest backup was made over one.

# stdin: info.
damage_figures() {
  local node count
  echo '# HELP plimsoll_postgres_checksum_failures_total Pages with a wrong checksum that a node met since its statistics began.'
  echo '# TYPE plimsoll_postgres_checksum_failures_total counter'
  for node in $PLIMSOLL_NODES; do
    # A node that does not answer says nothing, and not 0.
    count=$(ask "$node" 'select coalesce(sum(checksum_failures), 0) from pg_stat_database') || continue
    echo "plimsoll_postgres_checksum_failures_total{node=\"$node\"} $count"
  done
  jq -r '
    [.[].backup[]?] | if length == 0 then empty else
      "# HELP plimsoll_backup_damaged 1 where the newest backup met pages with a wrong checksum.",
      "# TYPE plimsoll_backup_damaged gauge",
      "plimsoll_backup_damaged{what=\"postgres\"} \(if max_by(.timestamp.stop).error == true then 1 else 0 end)"
    end' || true
}
