/** A disaster site that is no longer kept warm: its container, its data and its folder go. */
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { runsAlready } from "./lay.ts";

/** Only of a site that follows: looked at on the host itself, under the lock of whoever works there. */
const DROP = `
state=$1 root=$2 project=$3
[[ -d $state ]] || exit 3
exec 9>>"$state/work.lock"
flock -n 9 || exit 75
[[ ! -e $state/current ]] || exit 76
[[ ! -e $state/recovery.json ]] || exit 77
[[ -e $state/follow.json ]] || exit 3
of=(--filter "label=com.docker.compose.project=$project")
for id in $(docker ps -aq "\${of[@]}"); do docker rm --force --volumes "$id" >/dev/null || exit 1; done
for name in $(docker volume ls -q "\${of[@]}"); do docker volume rm "$name" >/dev/null || exit 1; echo "volume $name"; done
for id in $(docker network ls -q "\${of[@]}"); do docker network rm "$id" >/dev/null || exit 1; done
cd /
# The folder is the deploy user's, the one above it is not: it stays, empty.
# What says that it follows goes last: a run that was cut short is gone on with.
find "$root" -mindepth 1 -depth ! -path "$state" ! -path "$state/follow.json" -delete || exit 1
rm -rf -- "$state"
rmdir -- "$root" 2>/dev/null || true
`;

/** @returns names of the volumes that are gone; undefined where nothing followed. @throws Problem, and nothing was removed where it names a release */
export async function dropFollower(site: Site): Promise<string[] | undefined> {
  const { host, state, root, project, environment } = site;
  const outcome = await host.script(DROP, [state, root, project], { apart: true });
  if (outcome.exitCode === 3) return undefined;
  if (outcome.exitCode === 75)
    throw new Problem(
      `another is at work on ${project} of ${host.name}: nothing was removed`,
      "Wait for it, and run this again.",
    );
  if (outcome.exitCode === 76) throw runsAlready(site);
  if (outcome.exitCode === 77)
    throw new Problem(
      `an activation was begun on ${host.name}: it is to be the site that writes. Nothing was removed`,
      `Go on with it: plimsoll dr activate ${environment}`,
    );
  const { stdout } = requireDone(site, outcome, "removing the copy");
  return stdout.split("\n").flatMap((line) => (line.startsWith("volume ") ? [line.slice(7)] : []));
}
