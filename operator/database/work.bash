# A command of a sidecar, with its lines as they come. Exit 96: it does not run.
# $1: the Compose project. $2: the service. The rest: the command.
set -euo pipefail
id=$(docker ps -q --filter "label=com.docker.compose.project=$1" --filter "label=com.docker.compose.service=$2" \
  --filter label=com.docker.compose.oneoff=False | head -n 1)
[[ -n $id ]] || exit 96
shift 2
exec docker exec "$id" "$@"
