# Who writes, who follows, and how far. Arguments: STATE PROJECT PROXY NODE…
#   `unfinished OLD NEW`          a promotion that did not end
#   `restoring PHASE`             a restore in place, or its undo, that did not end: ahead, swap
#   `lost OLD TRANSACTIONS BYTES` what the fenced one has and nobody else
#   `pointer NODE`                whom the proxy hands the writes; `-` where it does not say
#   `node NAME STATE FENCED SUPPORT ALONE ROLE LSN BYTES REPLAY STREAMING SYNCHRONOUS`
# STATE as Docker says it, `none` without a container; SUPPORT: its image knows the fence; ROLE: primary, standby,
# silent; LSN and BYTES: what it wrote, or has received; REPLAY: bytes that it has not replayed yet.
set -uo pipefail
# shellcheck disable=SC2034
state=$1 PROJECT=$2 proxy=$3
shift 3
word() { if "$@"; then printf yes; else printf no; fi; }

if [[ -f $state/promotion ]]; then say "unfinished $(head -n 1 -- "$state/promotion")"; fi
if [[ -f $state/restoring ]]; then say "restoring $(head -n 1 -- "$state/restoring")"; fi
if [[ -f $state/promoted ]]; then say "lost $(head -n 1 -- "$state/promoted")"; fi
pointer=''
id=$(container_of "$proxy")
if [[ -n $id ]]; then
  pointer=$(timeout 5 docker exec "$id" bash /usr/local/etc/haproxy/pointer.sh show </dev/null 2>/dev/null)
fi
say "pointer ${pointer:--}"

QUESTION="with at as (select case when pg_is_in_recovery()
    then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) else pg_current_wal_flush_lsn() end as lsn)
  select case when pg_is_in_recovery() then 'standby' else 'primary' end, lsn, pg_wal_lsn_diff(lsn, '0/0'),
    case when pg_is_in_recovery() then greatest(0, pg_wal_lsn_diff(lsn, pg_last_wal_replay_lsn())) else 0 end,
    case when exists (select from pg_stat_wal_receiver where status = 'streaming') then 'yes' else 'no' end,
    case when current_setting('synchronous_standby_names') = '' then 'no' else 'yes' end
  from at"
for node in "$@"; do
  id=$(container_of "$node")
  if [[ -z $id ]]; then
    say "node $node none no no no silent - 0 0 no no"
    continue
  fi
  status=$(state_of "$id")
  answer=''
  if [[ $status == running ]]; then answer=$(sql "$id" "$QUESTION"); fi
  say "node $node $status $(word has "$id" "$FENCED") $(word has "$id" /usr/local/share/plimsoll/fence.bash)" \
    "$(word has "$id" "$VOLUME/alone.conf") $(tr '|' ' ' <<<"${answer:-silent - 0 0 no no}")"
done
exit 0
