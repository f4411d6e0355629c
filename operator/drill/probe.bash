# Writes that are numbered, through the proxy as the application makes them, until stdin ends. Arguments:
#   STATE PROJECT NODE BY. NODE lends its image, its network and the application's password.
# stdout: `ready`; `ok|no NUMBER BEGAN ENDED` for each, microseconds of the epoch; `failed WORDS` where none can be made.
# Exit 96: another drill.
set -euo pipefail
# shellcheck disable=SC2034
state=$1 PROJECT=$2 node=$3 by=$4
one_drill "$state"
begun "$state" failover "$by"
id=$(container_of "$node")
[[ -n $id ]] || stop "$node has no container any more"
secret=$(docker container inspect --format '{{range .Mounts}}{{if eq .Destination "/run/secrets/postgres_app_password"}}{{.Source}}{{end}}{{end}}' "$id")
network=$(docker container inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$id" | grep -m 1 '_data$')
database=$(docker exec "$id" printenv PLIMSOLL_DATABASE)
docker rm --force "$PROJECT-drill-probe" >/dev/null 2>&1 || true
# The client of Docker keeps the lock as long as the probe runs.
exec docker run --rm -i --name "$PROJECT-drill-probe" --hostname drill-probe --network "$network" \
  --label "com.docker.compose.project=$PROJECT" --label com.docker.compose.service=drill-probe \
  --label com.docker.compose.oneoff=True --label "plimsoll.by=$by" \
  --init --user 999:999 --read-only --cap-drop ALL --security-opt no-new-privileges \
  --memory 64m --memory-swap 64m --pids-limit 32 --tmpfs /tmp:size=4m,mode=1777 --log-driver none \
  --mount "type=bind,source=$secret,destination=/run/secrets/postgres_app_password,readonly" \
  --env "PGDATABASE=$database" --env PGHOST=postgres --env PGUSER=app --env PGCONNECT_TIMEOUT=2 \
  --env PGAPPNAME=plimsoll-drill --env PGPASSFILE=/tmp/pass --entrypoint bash "$(image_of "$id")" -c '
umask 077
password=$(cat /run/secrets/postgres_app_password)
password=${password//\\/\\\\}
printf "*:*:*:app:%s\n" "${password//:/\\:}" >/tmp/pass
unset password
ask() { timeout 5 psql -XqAtw -v ON_ERROR_STOP=1 -c "$1"; }
if ! said=$({ ask "drop table if exists plimsoll_drill" && ask "create table plimsoll_drill (n bigint primary key)"; } 2>&1); then
  echo "failed ${said//[[:cntrl:]]/ }"
  exit 1
fi
echo ready
for ((n = 1; SECONDS < 1800; n++)); do
  began=${EPOCHREALTIME/[.,]/}
  if ask "insert into plimsoll_drill values ($n)" >/dev/null 2>&1; then word=ok; else word=no; fi
  echo "$word $n $began ${EPOCHREALTIME/[.,]/}"
  # The end of the input is the end of the drill, or of who held it.
  read -r -t 0.05 _ || (($? > 128)) || break
done'
