#!/bin/sh
# certify.sh IP:10.0.0.2 DNS:s3 …: a certificate for these names by the server's own authority, which is made once.
set -eu
cd /tls
names=$(printf '%s,' "$@" | sed 's/,$//')
curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
if [ ! -e ca.pem ]; then
  # shellcheck disable=SC2086
  openssl req -x509 $curve -days 30 -subj "/CN=plimsoll test S3 authority" -keyout ca.key -out ca.pem 2>/dev/null
fi
# shellcheck disable=SC2086
openssl req -x509 $curve -days 30 -subj /CN=s3 -CA ca.pem -CAkey ca.key -addext "subjectAltName=$names" \
  -addext basicConstraints=critical,CA:FALSE -keyout server.key.new -out server.pem.new 2>/dev/null
mv server.key.new server.key
mv server.pem.new server.pem
