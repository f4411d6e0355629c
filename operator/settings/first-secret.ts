/** A secret of an environment that has no release yet: its file waits on the host for the first one. */

import type { Site } from "../site/site.ts";
import { requireDone } from "./place.ts";

/** No deploy may be making the secrets meanwhile: the lock of the work is held. The value comes over stdin. */
const LAY = `set -euo pipefail
state=$1 folder=$2 name=$3
umask 077
mkdir -p -- "$state" "$folder"
exec 9>>"$state/work.lock"
flock --nonblock 9 || { echo "a deploy is at work" >&2; exit 1; }
[[ ! -e $state/current ]] || { echo "there is a release by now: run this again" >&2; exit 1; }
aside=$folder/.$name.first-aside
trap 'rm -f -- "$aside"' EXIT
cat >"$aside"
# The folder keeps others out; the container that reads it has a user of its own.
chmod 0444 -- "$aside"
mv -fT -- "$aside" "$folder/$name"`;

/** @param name of a file, from the plan. @throws Problem where it cannot be written, or a deploy is at work */
export async function layFirstSecret(
  site: Pick<Site, "host" | "state" | "secrets" | "environment">,
  name: string,
  value: string,
): Promise<void> {
  const outcome = await site.host.script(LAY, [site.state, site.secrets, name], { input: value });
  requireDone(site, outcome, `laying the secret ${name}`);
}
