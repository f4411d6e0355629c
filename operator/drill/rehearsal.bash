# shellcheck shell=bash
# A disaster drill's host: what a drill made there, by its mark, and how it is taken away. Behind the database's own lib.
# ROOT/drill-site   `ID SINCE BY WORD`: held, kept (a person looks at it); the last of all to go

mark_of() { head -n 1 -- "$1/drill-site" 2>/dev/null; }

# tags: of the images that the host has.
tags() { docker images --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>' | sort -u; }

# strangers ROOT: what is there of the stack and of no drill, a line each.
strangers() {
  local found
  if [[ -n $(ls -A -- "$1" 2>/dev/null) ]]; then say "the folder $1"; fi
  found=$(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | wc -l)
  if ((found > 0)); then say "containers of $PROJECT: $found"; fi
  found=$(docker volume ls -q --filter "label=com.docker.compose.project=$PROJECT" | wc -l)
  if ((found > 0)); then say "volumes of $PROJECT: $found"; fi
}

# empty_host ROOT: everything that the drill made, by its project's name, and its mark at the end. Never without the mark:
# what has none is a site. May be cut short anywhere, and is done again.
empty_host() {
  local root=$1 tries=0
  [[ -f $root/drill-site ]] || return 0
  until ((tries++ > 60)); do
    end_engine "$root/state"
    taken_away && break
    sleep 0.5
  done
  ((tries <= 60)) || return 1
  drop_images "$root"
  find "$root" -mindepth 1 -maxdepth 1 -not -name drill-site -exec rm -rf -- {} + || return 1
  rm -f -- "$root/drill-site" && rmdir -- "$root"
}

# The engine that puts the release in place, and what it began.
end_engine() {
  local file pid
  for file in /proc/[0-9]*/cmdline; do
    pid=${file#/proc/}
    pid=${pid%/cmdline}
    [[ $pid != "$$" && $pid != "$BASHPID" ]] || continue
    if { grep -zqE -- "^$1/(onhost|engines|releases)/" "$file"; } 2>/dev/null; then kill -KILL "$pid" 2>/dev/null || true; fi
  done
}

# Succeeds where nothing of the project is left.
taken_away() {
  local kind ids left=0 label=label=com.docker.compose.project=$PROJECT
  ids=$(docker ps -aq --filter "$label") || return 1
  # shellcheck disable=SC2086
  [[ -z $ids ]] || docker rm --force --volumes $ids >/dev/null 2>&1 || left=1
  for kind in volume network; do
    ids=$(docker "$kind" ls -q --filter "$label") || return 1
    # shellcheck disable=SC2086
    [[ -z $ids ]] || docker "$kind" rm $ids >/dev/null 2>&1 || left=1
  done
  ((left == 0)) && [[ -z $(docker ps -aq --filter "$label") ]]
}

# Tags of the release that were not there before it: the host is as it was.
drop_images() {
  local image
  [[ -f $1/state/drill-images ]] || return 0
  while read -r image; do
    docker image rm -- "$image" >/dev/null 2>&1 || true
  done < <(comm -23 <(sed -nE 's/^    image: "?([^"]+)"?$/\1/p' "$1"/state/releases/*/files/compose.yaml 2>/dev/null | sort -u) "$1/state/drill-images")
}
