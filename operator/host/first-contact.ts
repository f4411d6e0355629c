/** From a destination to a connection: a host that is not known yet is shown to a person first. */
import { Problem } from "../problem.ts";
import { type Destination, destinationWords } from "./destination.ts";
import { fetchHostKey, type HostKey, keepHostKey, knownHostsFile } from "./known-hosts.ts";
import { type Connection, connect, UnknownKey } from "./ssh-connection.ts";
import { overKept } from "./ssh-kept.ts";
import type { SshConfig } from "./ssh-options.ts";

export type SshOptions = {
  /** Accepts exactly this key of a host that is not known yet, and no other key of one that is. */
  fingerprint?: string;
  /** Asked at the first contact; nobody is there to be asked if absent. */
  trust?(key: HostKey): Promise<boolean>;
  /** Where something waits for a person (a touch of a security key). */
  say?(line: string): void;
  /** A connection of our own, also where the user's ssh keeps one: what proves that a login gets through. */
  fresh?: boolean;
  /** Instead of the user's ssh_config; PLIMSOLL_SSH_CONFIG if absent. */
  configFile?: string;
  /** Seconds; 10 if absent. */
  connectTimeout?: number;
};

export async function getThrough(
  destination: Destination,
  config: SshConfig,
  options: SshOptions,
): Promise<Connection> {
  const say = options.say ?? (() => undefined);
  // Which key it was opened with, only a connection of our own says.
  const kept = options.fingerprint || options.fresh ? undefined : await overKept(destination, config, say);
  if (kept) return kept;
  let connection: Connection;
  try {
    connection = await connect(destination, config, say);
  } catch (error) {
    if (!(error instanceof UnknownKey)) throw error;
    await firstContact(destination, config, options);
    connection = await connect(destination, config, say).catch((again) => {
      throw again instanceof UnknownKey
        ? new Problem(
            `the key of ${destination.text} was kept, and ssh does not find it`,
            `Try: ssh -v ${destinationWords(destination)}`,
          )
        : again;
    });
  }
  const { fingerprint } = connection;
  if (options.fingerprint && fingerprint && fingerprint !== options.fingerprint) {
    await connection.close();
    throw otherKey(destination, options.fingerprint, fingerprint);
  }
  return connection;
}

async function firstContact(
  destination: Destination,
  config: SshConfig,
  { fingerprint, trust }: SshOptions,
): Promise<void> {
  const file = await knownHostsFile(destination, config);
  const key = await fetchHostKey(destination, config);
  if (fingerprint !== undefined) {
    if (key.fingerprint !== fingerprint) throw otherKey(destination, fingerprint, key.fingerprint, key.type);
  } else if (!trust) {
    throw new Problem(
      `${destination.text} is not known yet, and nobody is here to be asked; its key is\n  ${key.type} ${key.fingerprint}`,
      [
        "Compare it in the provider's console: for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done",
        `If it is the same: --fingerprint ${key.fingerprint}`,
      ].join("\n"),
    );
  } else if (!(await trust(key))) {
    throw new Problem(`the key of ${destination.text} was not accepted: nothing was sent to it`);
  }
  if (file === undefined) {
    throw new Problem(
      `the key of ${destination.text} cannot be kept: your ssh_config has UserKnownHostsFile none`,
      "A key that is not kept cannot be checked next time. Name a file there.",
    );
  }
  await keepHostKey(file, key);
}

function otherKey(destination: Destination, expected: string, found: string, type = ""): Problem {
  return new Problem(
    `${destination.text} shows another key than the one expected: nothing was done there\n  expected ${expected}\n  it shows ${found}${type ? ` (${type})` : ""}`,
    "Compare in the provider's console: for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done",
  );
}
