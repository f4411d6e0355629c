#!/bin/bash
# Kibana takes secrets from its environment (kibana.yml names them): read from the secrets' files here, so that
# neither the Compose file, `docker inspect` nor the process list shows them.
set -eu
SECRETS=${SECRETS:-/run/secrets}
PLIMSOLL_KIBANA_PASSWORD=$(<"$SECRETS/elastic_kibana_password")
PLIMSOLL_ENCRYPTION_KEY=$(<"$SECRETS/kibana_encryption_key")
PLIMSOLL_SECURITY_KEY=$(<"$SECRETS/kibana_security_key")
export PLIMSOLL_KIBANA_PASSWORD PLIMSOLL_ENCRYPTION_KEY PLIMSOLL_SECURITY_KEY
export KBN_PATH_CONF=/etc/plimsoll/kibana
exec /usr/share/kibana/bin/kibana
