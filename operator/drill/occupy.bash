# Held on the drill's host as long as a disaster drill: no other begins there, and what it made goes when this ends, however
# it ends. Arguments: ROOT PROJECT ID BY. stdin stays open as long as the drill, and has a line every 15 s: an empty one, or
# `keep`, where it is to stay.
# stdout: `left MARK` of one that was cut short and is taken away first; `ready`; `gone`, or `kept`, at the end.
# Exit 96: another drill is held on this host; 95: one is kept there, whose mark is said; 94: the host is not empty.
set -euo pipefail
# The laptop that goes away closes stdin, or sends nothing any more: that is the end that is waited for.
trap '' HUP PIPE INT
# shellcheck disable=SC2034
root=$1 PROJECT=$2 id=$3 by=$4
# The folder above itself is the lock, so that none is left behind.
mkdir -p -- "${root%/*}"
exec 8<"${root%/*}"
flock -n 8 || exit 96
if [[ -f $root/drill-site ]]; then
  read -r _ _ _ word <<<"$(mark_of "$root")"
  if [[ $word == kept ]]; then
    say "kept $(mark_of "$root")"
    exit 95
  fi
  say "left $(mark_of "$root")"
  empty_host "$root" || stop "what an earlier drill left in $root cannot be taken away: $(strangers "$root" | paste -sd ';')"
fi
there=$(strangers "$root")
[[ -z $there ]] || stop "${there//$'\n'/; }" 94
mkdir -p -- "$root"
since=$(date +%s)
put "$root/drill-site" "$id $since $by held"
mkdir -m 0700 -- "$root/state"
tags >"$root/state/drill-images"

keep=no
end() {
  trap - EXIT
  if [[ $keep == yes ]]; then
    put "$root/drill-site" "$id $since $by kept"
    say kept
  elif empty_host "$root"; then
    say gone
  else
    stop "not all of the drill could be taken away: $(strangers "$root" | paste -sd ';')"
  fi
}
trap end EXIT
trap 'exit 143' TERM
say ready
while IFS= read -r -t 60 line; do
  if [[ $line == keep ]]; then keep=yes; fi
done
