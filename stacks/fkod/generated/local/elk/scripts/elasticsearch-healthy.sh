#!/bin/bash
# The healthcheck: answers, takes the password, and has all its primary shards.
. "$(dirname "$0")/lib.sh"
call elastic elastic_password GET 'http://127.0.0.1:9200/_cluster/health?wait_for_status=yellow&timeout=2s' >/dev/null
