# Containers of the project that $self is of, from Docker's config.v2.json of all: id, service, name, running, started,
# restarts, oom-killed, finished.
def seconds: if . == null or startswith("0001") then 0 else sub("\\.[0-9]+"; "") | fromdateiso8601 end;

[inputs | select(.Config.Labels["com.docker.compose.service"] != null) | {
  id: .ID,
  project: .Config.Labels["com.docker.compose.project"],
  service: .Config.Labels["com.docker.compose.service"],
  # `docker compose run`: beside the service, and soon gone.
  aside: (.Config.Labels["com.docker.compose.oneoff"] == "True"),
  name: (.Name | ltrimstr("/")),
  # While Docker waits before it starts one again, it calls it running.
  running: (.State.Running and (.State.Restarting | not) and (.State.Dead | not)),
  started: (.State.StartedAt | seconds),
  restarts: (.RestartCount // 0),
  killed: .State.OOMKilled,
  finished: .State.FinishedAt
}]
| (map(select(.id == $self).project) | first) as $project
| map(select($project != null and .project == $project and (.aside | not)))
| sort_by(.name)[]
| [.id, .service, .name, if .running then 1 else 0 end, .started, .restarts, if .killed then 1 else 0 end, .finished]
| @tsv
