# Held as long as a failback is at work: no other begins meanwhile. Arguments: STATE PROJECT WORDS. stdin stays open as long,
# and has a line every 15 s.
# stdout: `ready`. Exit 97: another.
set -euo pipefail
trap '' HUP PIPE INT
hold failback "$3"
say ready
# The laptop that goes away closes it, or nothing comes any more.
while IFS= read -r -t 60 _; do :; done
