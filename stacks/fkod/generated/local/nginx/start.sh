#!/bin/sh
# Starts nginx. Where no certificate is there yet, a self-signed one opens the door for the first.
set -eu
exec nginx -c /etc/nginx/plimsoll/nginx.conf -g 'daemon off;' "$@"
