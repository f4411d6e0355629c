#!/bin/bash
# Passwords, least-privilege users, ingest pipelines, templates, retention. Safe to run again at any time, and it does
# run at every `up`: each request sets, none adds, so a changed secret or setting arrives with the next start.
. "$(dirname "$0")/lib.sh"
FILES=${FILES:-/etc/plimsoll/elasticsearch}

elastic() { # METHOD path [curl options]
  local method=$1 path=$2
  shift 2
  call elastic elastic_password "$method" "$ELASTICSEARCH_URL/$path" "$@" >/dev/null
}
put() { elastic PUT "$1" --header "Content-Type: $2" --data-binary "@$3"; } # path type file
name_of() { local file=${1##*/}; printf '%s' "${file%.*}"; }

password_of() { # user secret
  printf '{"password":"%s"}' "$(quote "$(secret "$2")")" |
    elastic POST "_security/user/$1/_password" --header 'Content-Type: application/json' --data-binary @-
}
user() { # user secret roles
  printf '{"password":"%s","roles":[%s]}' "$(quote "$(secret "$2")")" "$3" |
    elastic PUT "_security/user/$1" --header 'Content-Type: application/json' --data-binary @-
}

until_answers "Elasticsearch" "${PATIENCE:-300}" elastic GET '_cluster/health?wait_for_status=yellow&timeout=1s'

password_of kibana_system elastic_kibana_password
for file in "$FILES"/roles/*.json; do put "_security/role/$(name_of "$file")" application/json "$file"; done
user logstash_writer elastic_logstash_password '"plimsoll_log_writer"'
user log_keeper elastic_keeper_password '"plimsoll_log_keeper","kibana_admin"'
user metrics elastic_metrics_password '"plimsoll_metrics"'
user grafana_reader elk_grafana_password '"plimsoll_log_reader"'
# The person who reads logs: everything in Kibana, nothing in the cluster.
user plimsoll kibana_login_password '"editor"'

for file in "$FILES"/ingest/*.yaml; do put "_ingest/pipeline/$(name_of "$file")" application/yaml "$file"; done

put _component_template/logs-plimsoll@mappings application/json "$FILES/mappings.json"
put _index_template/logs-plimsoll application/json "$FILES/index-template.json"
# A template speaks to new streams only: tell the one that exists of a changed retention.
if [[ $(call elastic elastic_password GET "$ELASTICSEARCH_URL/_resolve/index/logs-plimsoll-*") == *'"name":"logs-plimsoll-'* ]]; then
  put '_data_stream/logs-plimsoll-*/_lifecycle' application/json "$FILES/lifecycle.json"
fi

# Where snapshots of the logs go. Logs flow without it: what is wrong with it is the keeper's next try to find, and an alert.
if [[ -e $FILES/repository.json ]]; then
  put '_snapshot/plimsoll?verify=false' application/json "$FILES/repository.json" ||
    say warn "there is no repository for snapshots: logs are not backed up"
elif [[ $(call elastic elastic_password GET "$ELASTICSEARCH_URL/_snapshot") == *'"plimsoll"'* ]]; then
  elastic DELETE _snapshot/plimsoll
fi
say info "Elasticsearch is set up"
