# shellcheck shell=bash
# Before what asks a stack's containers: lists those of the project $1, jobs apart.
# shellcheck disable=SC2034 # of whoever comes after it

set -euo pipefail
# The newest of each service: "STATE ID".
declare -A found=()
all=0
running=()
while read -r service state id; do
  all=$((all + 1))
  [[ $state != running ]] || running+=("$id")
  [[ -n ${found[$service]-} ]] || found[$service]="$state $id"
done < <(timeout 60 docker ps -a --filter "label=com.docker.compose.project=$1" \
  --filter label=com.docker.compose.oneoff=False \
  --format '{{.Label "com.docker.compose.service"}} {{.State}} {{.ID}}')
