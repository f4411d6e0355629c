/** `--host` and `--fingerprint`: which machine a command means, for every command that can mean one. */
import { createInterface } from "node:readline/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDestination } from "../operator/host/destination.ts";
import type { Host } from "../operator/host/host.ts";
import type { HostKey } from "../operator/host/known-hosts.ts";
import { localHost } from "../operator/host/local.ts";
import { Problem } from "../operator/problem.ts";

export type HostOptions = {
  host?: string;
  fingerprint?: string;
  /** By a new connection in any case. */
  fresh?: boolean;
};

/** `--host` and `--fingerprint`. */
export function addHostOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--host <destination>",
        "instead of stack.yaml's host: user@host, ssh://user@host:port, a name of ssh_config, or local",
      ).argParser(destination),
    )
    .addOption(
      new Option(
        "--fingerprint <SHA256:...>",
        "accept exactly this host key at the first contact, without asking",
      ).argParser(fingerprint),
    );
}

/**
 * The machine: `--host`, else the environment's word `host`, else this one. Whoever opens it closes it.
 * @throws Problem that says why there is no connection
 */
export async function openHost(word: string | undefined, options: HostOptions = {}): Promise<Host> {
  const where = options.host ?? word;
  if (where === undefined || where === "local") return localHost();
  // Nothing of ssh is loaded for a stack on this machine.
  const { sshHost } = await import("../operator/host/ssh.ts");
  const asks = process.stdin.isTTY && process.stderr.isTTY;
  return sshHost(where, {
    say: (line) => console.error(line),
    ...(options.fingerprint && { fingerprint: options.fingerprint }),
    ...(options.fresh && { fresh: true }),
    ...(asks && { trust: (key: HostKey) => trust(where, key) }),
  });
}

/** The same, closed whatever happens in it. */
export async function withHost<Value>(
  word: string | undefined,
  options: HostOptions,
  action: (host: Host) => Promise<Value>,
): Promise<Value> {
  const host = await openHost(word, options);
  try {
    return await action(host);
  } finally {
    await host.close();
  }
}

/** No is the answer of everything but a y. */
async function trust(where: string, key: HostKey): Promise<boolean> {
  console.error(
    [
      `${where} is not known yet. Its key is`,
      `  ${key.type} ${key.fingerprint}`,
      "Compare it in the provider's console: for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done",
    ].join("\n"),
  );
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await Promise.race([
      asking.question("Is it this machine? It is remembered in your known_hosts. [y/N] "),
      new Promise<string>((resolve) =>
        asking.once("SIGINT", () => resolve("")).once("close", () => resolve("")),
      ),
    ]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}

function destination(text: string): string {
  if (text === "local") return text;
  try {
    parseDestination(text);
    return text;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new InvalidArgumentError(`${error.message}\n${error.remedy}`);
  }
}

function fingerprint(text: string): string {
  if (/^SHA256:[A-Za-z0-9+/]{43}$/.test(text)) return text;
  throw new InvalidArgumentError(
    "Expected SHA256: and 43 characters, as ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub prints it.",
  );
}
