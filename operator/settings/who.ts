/** Who does it, for locks, releases and the audit: `ana@laptop`, in CI who started the run. */
import { hostname, userInfo } from "node:os";

export function whoami(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const actor = environment.GITHUB_ACTIONS ? environment.GITHUB_ACTOR : undefined;
  const given = environment.PLIMSOLL_BY ?? (actor && `${actor}@github`) ?? `${user()}@${hostname()}`;
  // It stands in logs and on terminals: printable, one word, short.
  return given.replace(/[^\p{L}\p{N}@._+-]+/gu, "-").slice(0, 100) || "somebody";
}

function user(): string {
  try {
    return userInfo().username;
  } catch {
    // A container whose user is in no list.
    return process.env.USER ?? `uid-${process.getuid?.() ?? "?"}`;
  }
}
