/** Which keys this machine could come in with: the agent's, and the files that ssh would try for this host. */
import { homedir } from "node:os";
import { join } from "node:path";
import type { Host } from "../host/host.ts";
import { fingerprintOf } from "./public-key.ts";

/** @param destination as ssh takes it; undefined for this machine, which nobody comes in to with a key */
export async function ourFingerprints(here: Host, destination: string | undefined): Promise<Set<string>> {
  if (destination === undefined) return new Set();
  const options = { timeout: 10_000 };
  const [agent, configured] = await Promise.all([
    here.run("ssh-add", ["-L"], options),
    // Everything after `--` is a destination, whatever it looks like.
    here.run("ssh", ["-G", "--", destination], options),
  ]);
  const held = agent.exitCode === 0 ? agent.stdout.split("\n").map((line) => line.split(" ")[1] ?? "") : [];
  const files = configured.stdout
    .split("\n")
    .flatMap((line) => (line.startsWith("identityfile ") ? [line.slice("identityfile ".length)] : []))
    .map((path) => path.replace(/^~(?=\/)/, homedir()));
  // Of a private key ssh-keygen tells the fingerprint without its passphrase.
  const told = await Promise.all(
    files.map((path) => here.run("ssh-keygen", ["-l", "-f", join(path)], options)),
  );
  return new Set([
    ...held.filter((blob) => blob !== "").map(fingerprintOf),
    ...told.flatMap(({ stdout }) => stdout.match(/SHA256:[A-Za-z0-9+/]{43}/g) ?? []),
  ]);
}
