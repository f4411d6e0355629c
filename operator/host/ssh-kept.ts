/** A connection that the user's own ssh keeps (ControlMaster, ControlPersist): used where it stands, never ended. */
import { stat } from "node:fs/promises";
import type { Destination } from "./destination.ts";
import { type Connection, connect } from "./ssh-connection.ts";
import { type SshConfig, settingsOf } from "./ssh-options.ts";

/** @returns undefined where none stands, or it is another user's on that host: then we open our own */
export async function overKept(
  destination: Destination,
  config: SshConfig,
  say: (line: string) => void,
): Promise<Connection | undefined> {
  const { stdout } = await settingsOf(destination, config);
  const control = /^controlpath (.+)$/m.exec(stdout)?.[1];
  if (!control || control === "none" || !(await isSocket(control))) return undefined;
  // A socket without its ssh: connecting fails, and our own connection says why or works.
  const connection = await connect(destination, config, say, control).catch(() => undefined);
  // A ControlPath without %r may be anybody's.
  const user = /^user (.+)$/m.exec(stdout)?.[1];
  if (connection && connection.facts.environment.USER !== user) {
    await connection.close();
    return undefined;
  }
  return connection;
}

async function isSocket(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
}
