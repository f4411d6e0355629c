/** `--host` and `--fingerprint`, and the host that they and stack.yaml name. */
import { type Command, Option } from "commander";
import type { Host } from "../operator/host/host.ts";
import { localHost } from "../operator/host/local.ts";

export type HostOptions = { host?: string; fingerprint?: string };

export function withHost(command: Command): Command {
  return command
    .addOption(new Option("--host <destination>", "as ssh takes it; `local` is this machine"))
    .addOption(
      new Option("--fingerprint <SHA256:...>", "accept exactly this key of a host seen for the first time"),
    );
}

/** @param destination undefined for this machine */
export async function openHost(destination: string | undefined, _options: HostOptions): Promise<Host> {
  if (destination === undefined) return localHost();
  throw new Error("no transport yet");
}
