# shellcheck shell=bash
# Until edge.bash is here.
edge_exec() { d exec "$(container_of "$NGINX")" "$@"; }
edge_json() { edge_exec curl -fsS "http://127.0.0.1:8081/control/$GROUP"; }
edge_patch() { edge_exec curl -fsS -o /dev/null -X PATCH --data "$1" "http://127.0.0.1:8081/control/$GROUP"; }
edge_servers() { edge_json | grep -oE '"[a-z0-9-]+":\{"address":"[^"]+"' | sed -E 's/^"([^"]+)":\{"address":"([^"]+)"/\1 \2/'; }
edge_weight() { edge_patch "{\"weights\":{\"$1\":$2}}"; }
edge_weights() {
  local pair text=''
  for pair in "$@"; do text+="${text:+,}\"${pair%=*}\":${pair#*=}"; done
  edge_patch "{\"weights\":{$text}}"
}
edge_release() { edge_patch "{\"releases\":{\"$1\":\"$2\"}}"; }
edge_affinity() { if (($#)); then edge_patch "{\"affinity\":\"$1\"}"; else edge_json | sed -E 's/.*"affinity":"([a-z]+)".*/\1/'; fi; }
edge_drain() { edge_weight "$1" 0 && sleep 0.3; }
edge_address() { edge_json | grep -oE "\"$1\":\{\"address\":\"[^\"]+\"" | sed -E 's/.*"([^"]+)"$/\1/'; }
edge_ready() {
  local deadline=$((SECONDS + $3)) address
  address=$(edge_address "$1")
  while ((SECONDS < deadline)); do
    edge_exec curl -fs -m 2 -o /dev/null "http://$address$2" && return 0
    sleep 0.1
  done
  return 1
}
edge_answers() { edge_exec curl -fs -m 2 -o /dev/null "http://$1:$2$3"; }
edge_probe() { edge_exec curl -s -m 5 -o /dev/null -w '%{http_code}' "http://$(edge_address "$1")$2"; }
edge_ask() { edge_exec curl -s -m 5 -o /dev/null -w '%{http_code}' -H "Host: $DOMAIN" "http://127.0.0.1:8080$1"; }
edge_warm() { edge_probe "$1" "$READY_PATH" >/dev/null; }
edge_test() { [[ -f $1/nginx.conf ]]; }
edge_reload() { edge_exec nginx -s reload -c /etc/nginx/plimsoll/nginx.conf; }
edge_handover() { c up -d --no-deps --no-build "$NGINX" && arrive "$NGINX" 60; }
edge_handover_clean() { :; }
