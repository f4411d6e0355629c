#!/bin/bash
# Starts Elasticsearch on a read-only root: its configuration folder, with the keystore it must be able to write, is
# made anew on a tmpfs at each start. So the password of `elastic` is always the one in the secret's file.
set -eu
export ES_PATH_CONF=${ES_PATH_CONF:-/run/elasticsearch}
umask 0077
cp -R /usr/share/elasticsearch/config/. "$ES_PATH_CONF/"
mkdir -p "$ES_PATH_CONF/jvm.options.d"
cp /etc/plimsoll/elasticsearch/elasticsearch.yml "$ES_PATH_CONF/elasticsearch.yml"
cp /etc/plimsoll/elasticsearch/jvm.options "$ES_PATH_CONF/jvm.options.d/plimsoll.options"
rm -f "$ES_PATH_CONF/elasticsearch.keystore"
elasticsearch-keystore create >/dev/null
elasticsearch-keystore add --stdin --force bootstrap.password <"${SECRETS:-/run/secrets}/elastic_password"
# The sidecar of the backups reads the snapshots as a member of group 0.
umask 0027
exec /usr/local/bin/docker-entrypoint.sh eswrapper
