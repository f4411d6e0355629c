/** A recovery bundle now, as each release makes one. */
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";

const CALL = `
STATE=$1 PROJECT=$2 LIVE=$3 SECRETS=$4 STACK=$5 ENVIRONMENT=$6
[[ -f $STATE/current ]] || { echo "nothing was released here yet" >&2; exit 1; }
bundle_make
`;

/** @returns its name; undefined where stack.yaml names no recipient. @throws Problem where it could not be made */
export async function makeBundle(site: Site): Promise<string | undefined> {
  const { host, state, project, live, secrets, stack, environment } = site;
  const outcome = await host.script(
    readOwn("operator/onhost/bundle.bash") + CALL,
    [state, project, live, secrets, stack, environment],
    { apart: true },
  );
  if (outcome.exitCode === 3) return undefined;
  if (outcome.exitCode === 0) return outcome.stdout.trim().split("\n").at(-1);
  throw new Problem(
    `no recovery bundle was made: ${outcome.stderr.trim().split("\n").at(-1) || `exit code ${outcome.exitCode}`}`,
    `Is the sidecar there? plimsoll ps ${environment}; then once more: plimsoll backup ${environment} now`,
  );
}
