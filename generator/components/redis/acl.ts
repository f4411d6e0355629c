/** Who may do what on a Redis: an ACL file with hashes of passwords, never the passwords. */
import type { Text } from "../component.ts";

/**
 * The application: everything on its own keys, and nothing that stops the server for others (KEYS, SORT), empties it
 * (FLUSHALL) or changes it (CONFIG, ACL, REPLICAOF). INFO stays: clients ask it before they call a connection ready.
 */
const APPLICATION = "~* &* +@all -@admin -@dangerous +info";

/** What the exporter asks. No keys, so that no value of anybody's session can be read with its password. */
const MONITORING =
  "resetkeys resetchannels -@all +ping +info +client|setname +client|setinfo +config|get +latency|latest +latency|histogram +slowlog|len +slowlog|get";

/** The healthcheck: no password, since one in the command would be seen by all; it may say PING. */
const HEALTH = "nopass resetkeys resetchannels -@all +ping";

/**
 * Off: nobody can be it. But Redis replays the append-only file as this user, and EXEC checks what it may do: without
 * these rights every transaction and script in the file would be refused, and lost, at the next start (seen on 8.0.6).
 */
const DEFAULT = "resetpass ~* &* +@all";

export type AclOptions = {
  /** Secret with the application's password. */
  application: string;
  /** Further commands the application may use: `flushdb`, `client|list`. */
  allow: readonly string[];
};

/** The ACL file of one Redis, to be kept as a secret: hashes can be guessed at. */
export function aclFile({ application, allow }: AclOptions): Text {
  const more = allow.map((command) => ` +${command}`).join("");
  return [
    `user default reset off ${DEFAULT}\n`,
    "user app reset on #",
    { secret: application, as: "sha256" },
    ` ${APPLICATION}${more}\n`,
    "user monitoring reset on #",
    { secret: "redis_monitoring_password", as: "sha256" },
    ` ${MONITORING}\n`,
    "user operator reset on #",
    { secret: "redis_operator_password", as: "sha256" },
    " ~* &* +@all\n",
    `user health reset on ${HEALTH}\n`,
  ];
}
