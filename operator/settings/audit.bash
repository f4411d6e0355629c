# Appends the line that comes over stdin to STATE/audit.log. $1: the state folder.
set -euo pipefail
umask 077
mkdir -p -- "$1"
line=$(head -c 65536)
exec 9>>"$1/audit.log"
flock -w 20 9
# A line that was cut short (a full disk) must not swallow this one.
if [[ -s $1/audit.log && -n $(tail -c 1 -- "$1/audit.log") ]]; then echo >&9; fi
printf '%s\n' "$line" >&9
