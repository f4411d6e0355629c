# Shared by the scripts that talk to Elasticsearch and Kibana. No password is ever an argument or an environment
# variable: curl reads the user from a file descriptor and the body from stdin.
set -euo pipefail

ELASTICSEARCH_URL=${ELASTICSEARCH_URL:-http://elasticsearch:9200}
SECRETS=${SECRETS:-/run/secrets}

say() { # level message
  local text=${2//\\/\\\\}
  text=${text//\"/\\\"}
  printf '{"log.level":"%s","message":"%s"}\n' "$1" "${text//$'\n'/ }"
}

quote() { # a text as the inside of a quoted string, for JSON and for curl's config alike
  local text=${1//\\/\\\\}
  printf '%s' "${text//\"/\\\"}"
}

secret() { # name
  local text
  text=$(<"$SECRETS/$1")
  printf '%s' "$text"
}

# call USER SECRET METHOD URL [curl options]: the answer on stdout; fails where the server refuses.
call() {
  local user=$1 password=$2 method=$3 url=$4 answer
  shift 4
  if ! answer=$(curl --silent --show-error --fail-with-body --max-time 30 --request "$method" --url "$url" \
    --config <(printf 'user = "%s:%s"\n' "$user" "$(quote "$(secret "$password")")") "$@" 2>&1); then
    say error "$method $url: $answer" >&2
    return 1
  fi
  printf '%s' "$answer"
}

# until_answers WHAT SECONDS command...: tries each two seconds.
until_answers() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      say error "$what did not answer" >&2
      return 1
    fi
    sleep 2
  done
}
