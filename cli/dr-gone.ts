/** Is the host until now gone? Two sites must not write into one repository, nor serve one name. */
import { localHost } from "../operator/host/local.ts";
import { Problem } from "../operator/problem.ts";
import { signOfLife } from "../operator/recovery/first-host.ts";

/** What a person says where nobody knows which host it was. */
export const UNKNOWN = "unknown";

/**
 * @param firstHost as ssh takes it, where it is known @param host that takes over @param fenced what a person says of it
 * @throws Problem where it answers, or cannot be asked, and nobody said that it is fenced
 */
export async function requireGone(
  firstHost: string | undefined,
  host: string,
  fenced: string | undefined,
): Promise<void> {
  if (firstHost === host) return;
  if (firstHost === undefined) {
    if (fenced === UNKNOWN)
      return console.error("the host until now is not known; you said that it is fenced");
    throw new Problem(
      "which host it was until now is not known, so nobody can ask whether it is gone",
      [
        "Neither the bucket (recovery/active.json) nor the release's stack.yaml names it. Nothing was touched.",
        "Find it in the provider's console, and switch it off.",
        `Then, in the knowledge that nothing of it runs: --fenced ${UNKNOWN}`,
      ].join("\n"),
    );
  }
  const answer = await unexplained(firstHost, fenced);
  if (!answer) return;
  throw new Problem(
    `${firstHost} is alive: it ${answer.how} on port ${answer.port}`,
    [
      "Two sites must not write into one repository, nor serve one name. Nothing was touched.",
      `Does it work? Then there is nothing to activate: plimsoll ps. Is it to be given up? Switch it off in the provider's console, or: ssh ${firstHost} 'docker stop $(docker ps -q)'`,
      `Then, in the knowledge that nothing of it runs: --fenced ${firstHost}`,
    ].join("\n"),
  );
}

/** The sign of life of a host that nobody said is fenced; where there is none, why it is taken to be gone is told. */
export async function unexplained(host: string, fenced: string | undefined) {
  const answer = await signOfLife(host, localHost());
  if (!answer) console.error(`${host} answers on no port: it is taken to be gone`);
  else if (fenced === host)
    console.error(`${host} ${answer.how} on port ${answer.port}; you said that it is fenced`);
  else return answer;
  return undefined;
}
