# What a stack's logs say of errors, asked from within the keeper's container: it has curl and the password of a reader.
# stdin: what elk/scripts/errors.sh reads. $1: the Compose project. Lines of "key value": `containers N`, `release V` of each
# release that runs, `groups` and `details` as errors.sh has them, or `errors_failed WORDS`; neither where there is no keeper.
set -euo pipefail
project=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

keeper=''
all=0
running=()
while read -r service state id; do
  all=$((all + 1))
  [[ $state != running ]] || running+=("$id")
  # The newest comes first.
  [[ $service != elastic-keeper || -n $keeper ]] || keeper="$state $id"
done < <(timeout 60 docker ps -a --filter "label=com.docker.compose.project=$project" \
  --filter label=com.docker.compose.oneoff=False \
  --format '{{.Label "com.docker.compose.service"}} {{.State}} {{.ID}}')
printf 'containers %d\n' "$all"
[[ -n $keeper ]] || exit 0
read -r state id <<<"$keeper"
if [[ $state != running ]]; then
  printf 'errors_failed the container of elastic-keeper is %s\n' "$state"
  exit 0
fi
# Of all that containers are told, this one line is looked at.
timeout 60 docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "${running[@]}" |
  sed -n 's/^RELEASE=/release /p' | sort -u || true
if timeout 90 docker exec -i "$id" bash /etc/plimsoll/scripts/errors.sh >"$work/said" 2>"$work/error"; then
  cat "$work/said"
else
  printf 'errors_failed %s\n' "$(tail -n 1 "$work/error" | grep . || echo 'no answer in time')"
fi
