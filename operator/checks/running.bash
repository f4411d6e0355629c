# What a running stack says of itself: lines of "key value". Its parts are asked side by side, each with a limit.
# arguments: Compose project, domain, nginx's port in its container, a PromQL expression, paths that must answer
set -euo pipefail
project=$1 domain=$2 door=$3 promql=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
declare -A id=()
while read -r service container; do id[$service]=$container; done < <(
  timeout 10 docker ps --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False \
    --format '{{.Label "com.docker.compose.service"}} {{.ID}}'
)
inside() { timeout 20 docker exec -i "$@" 2>/dev/null; }

containers() {
  [[ ${#id[@]} -gt 0 ]] || return 0
  timeout 10 docker inspect "${id[@]}" --format \
    'container {{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.HostConfig.LogConfig.Type}} {{with index .HostConfig.LogConfig.Config "max-size"}}{{.}}{{else}}-{{end}} {{.Config.Image}}'
}

# The planner's own figures of a replica are its own; how many rows a table has it knows from the primary.
database() {
  local node=$1
  inside "${id[$node]}" sh -c 'exec psql -XqAt -h 127.0.0.1 -U postgres -d "$PLIMSOLL_DATABASE" -v node="$1"' sh "$node" <<'SQL' || return 0
select 'node ' || :'node' || ' ' || case when pg_is_in_recovery() then 'replica' else 'primary' end;
select 'table ' || concat_ws('|', :'node', quote_ident(s.schemaname) || '.' || quote_ident(s.relname),
    greatest(s.n_live_tup, c.reltuples::bigint), s.seq_scan, s.seq_tup_read, coalesce(s.idx_scan, 0))
  from pg_stat_user_tables s join pg_class c on c.oid = s.relid
 where s.seq_scan > 0 order by s.seq_tup_read desc limit 50;
select 'statements ' || :'node'
 where exists (select from pg_extension where extname = 'pg_stat_statements');
select 'statement ' || concat_ws('|', :'node', s.calls, round(s.mean_exec_time::numeric, 3),
    left(regexp_replace(s.query, '\s+', ' ', 'g'), 120))
  from pg_stat_statements s join pg_roles r on r.oid = s.userid join pg_database d on d.oid = s.dbid
 where r.rolname = 'app' and d.datname = current_database() and s.calls >= 5
 order by s.mean_exec_time desc limit 10;
SQL
}

monitoring() {
  local answer
  answer=$(inside "${id[prometheus]}" promtool query instant -o json http://127.0.0.1:9090 "$promql") || return 0
  printf 'prometheus %s\n' "${answer//$'\n'/ }"
}

backups() {
  local sidecar
  for sidecar in backup-postgres backup-files; do
    [[ -n ${id[$sidecar]-} ]] || continue
    inside "${id[$sidecar]}" sh -c 'cat /metrics/*.prom' |
      sed -n 's/^plimsoll_backup_/backup /p; s/^plimsoll_drill_/drill /p'
    return 0
  done
}

certificate() {
  local answer
  answer=$(inside "${id[certificates]}" plimsoll-certificates status --json) || return 0
  printf 'certificate %s\n' "$answer"
}

# Through nginx as it stands, by the name that visitors use: no DNS, no firewall in between.
edge() {
  local base path
  if [[ $door == 8443 ]]; then base=https://$domain:8443; else base=http://$domain:8080; fi
  ask() {
    inside "${id[nginx]}" curl -sk -m 10 -o /dev/null --resolve "$domain:8443:127.0.0.1" --resolve "$domain:8080:127.0.0.1" "$@"
  }
  for path in "$@"; do
    printf 'smoke %s %s\n' "$(ask -w '%{http_code} %{time_total}' "$base$path" || true)" "$path"
  done
  printf 'hsts %s\n' "$(ask -w '%header{strict-transport-security}' "$base$1" || true)"
  printf 'cors_foreign %s\n' "$(ask -w '%header{access-control-allow-origin}' -X OPTIONS \
    -H 'Origin: https://plimsoll-check.invalid' -H 'Access-Control-Request-Method: POST' "$base$1" || true)"
  if [[ $door == 8443 ]]; then
    printf 'redirect %s\n' "$(ask -w '%{http_code} %{redirect_url}' "http://$domain:8080$1" || true)"
  fi
}

# Counted here: a log line may hold what must not travel.
logs() {
  local service count
  for service in "${!id[@]}"; do
    [[ $service =~ ^(api-|worker-|clock-) ]] || continue
    count=$(timeout 10 docker logs --since 15m "${id[$service]}" 2>&1 | head -n 200000 |
      grep -Ec '"(log\.level|level|severity)": ?("(error|fatal|critical)"|50|60)|\b(ERROR|FATAL)\b' || true)
    printf 'errors %s %s\n' "$service" "$count"
  done
}

alerting() {
  if inside "${id[alertmanager]}" amtool --alertmanager.url=http://127.0.0.1:9093 config show >/dev/null; then
    printf 'alertmanager answers\n'
  fi
}

containers >"$work/containers" &
for node in "${!id[@]}"; do
  if [[ $node =~ ^postgres-[0-9]+$ ]]; then database "$node" >"$work/$node" & fi
done
if [[ -n ${id[prometheus]-} ]]; then monitoring >"$work/prometheus" & fi
if [[ -n ${id[alertmanager]-} ]]; then alerting >"$work/alertmanager" & fi
if [[ -n ${id[certificates]-} ]]; then certificate >"$work/certificates" & fi
if [[ -n ${id[nginx]-} ]]; then edge "$@" >"$work/edge" & fi
backups >"$work/backups" &
logs >"$work/logs" &
wait || true
printf 'containers %s\n' "${#id[@]}"
cat "$work"/*
