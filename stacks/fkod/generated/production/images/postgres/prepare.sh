#!/bin/sh
# What both kinds of images need beside their packages. A named volume takes owner and mode from the folder below it.
set -eu
install -d -o postgres -g postgres -m 0750 /var/lib/pgbackrest
install -d -m 1777 /metrics
install -d -o postgres -g postgres -m 0700 /trial
install -d /usr/local/share/plimsoll /etc/pgbackrest /nodes
# PostgreSQL writes JSON only to files. These files are the container's own log: the first process (docker-init)
# keeps the descriptor that Docker reads, and the log collector opens it anew whenever it is restarted.
install -d /usr/local/share/plimsoll-log
ln -s /proc/1/fd/2 /usr/local/share/plimsoll-log/postgres.log
ln -s /proc/1/fd/2 /usr/local/share/plimsoll-log/postgres.json
rm -f /etc/pgbackrest.conf /etc/pgbackrest/pgbackrest.conf
