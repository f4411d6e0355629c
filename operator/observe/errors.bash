# What a stack's logs say of errors, asked from within the keeper's container: it has curl and the password of a reader.
# stdin: what elk/scripts/errors.sh reads. $1: the Compose project. Lines of "key value": `containers N`, `release V` of each
# release that runs, `groups` and `details` as errors.sh has them, or `errors_failed WORDS`; neither where there is no keeper.
# shellcheck disable=SC2154 # $found, $running and $all are of newest.bash, which stands before it
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf 'containers %d\n' "$all"
read -r state id <<<"${found[elastic-keeper]-}"
[[ -n $state ]] || exit 0
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
