#!/bin/bash
# Kibana takes secrets from its environment (kibana.yml names them): read from the secrets' files here, so that
# neither the Compose file, `docker inspect` nor the process list shows them.
set -eu
SECRETS=${SECRETS:-/run/secrets}
PLIMSOLL_KIBANA_PASSWORD=$(<"$SECRETS/elastic_kibana_password")
PLIMSOLL_ENCRYPTION_KEY=$(<"$SECRETS/kibana_encryption_key")
PLIMSOLL_SECURITY_KEY=$(<"$SECRETS/kibana_security_key")
export PLIMSOLL_KIBANA_PASSWORD PLIMSOLL_ENCRYPTION_KEY PLIMSOLL_SECURITY_KEY
# --config and not KBN_PATH_CONF: the image's own folder holds node.options too, and without these a promise that nobody
# caught ends Kibana.
exec /usr/share/kibana/bin/kibana --config /etc/plimsoll/kibana/kibana.yml
