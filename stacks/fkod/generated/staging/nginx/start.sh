#!/bin/sh
# Starts nginx. Where no certificate is there yet, a self-signed one opens the door for the first.
set -eu
live=/var/lib/certificates/live
# A link to a folder that is gone
[ -e "$live" ] || rm -f "$live"
if [ ! -s "$live/fullchain.pem" ] || [ ! -s "$live/privkey.pem" ]; then
  echo "nginx: no certificate in $live yet, making a self-signed one" >&2
  mkdir -p "$live" /var/lib/certificates/challenges
  umask 027
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
    -subj "/CN=plimsoll self-signed" -addext subjectAltName=DNS:'staging.api.fkod.com' \
    -keyout "$live/privkey.pem.new" -out "$live/fullchain.pem.new" 2>/dev/null
  # openssl gives its key to its owner alone; the backup reads it as a member of our group.
  chmod 0640 "$live/privkey.pem.new"
  mv "$live/privkey.pem.new" "$live/privkey.pem"
  mv "$live/fullchain.pem.new" "$live/fullchain.pem"
fi
exec nginx -c /etc/nginx/plimsoll/nginx.conf -g 'daemon off;' "$@"
