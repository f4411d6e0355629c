#!/bin/bash
# Logstash takes a password from its environment only: it is read from the secret's file here, so that neither the
# Compose file nor `docker inspect` shows it. The image's own entry would write into logstash.yml; it is not used.
set -eu
LOGSTASH_WRITER_PASSWORD=$(<"${SECRETS:-/run/secrets}/elastic_logstash_password")
export LOGSTASH_WRITER_PASSWORD
exec /usr/share/logstash/bin/logstash --path.settings /etc/plimsoll/logstash
