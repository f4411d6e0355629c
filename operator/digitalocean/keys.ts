/** The keys that root of a new droplet takes. */
import { z } from "zod";
import { Problem } from "../problem.ts";
import type { Api } from "./api.ts";
import { Key } from "./shapes.ts";

/**
 * The account's keys; with `own` those alone, uploaded where the account does not have them yet.
 * @throws Problem (2) where there is none: a droplet without a key gets a password by mail
 */
export async function keysFor(api: Api, own: readonly string[]): Promise<Key[]> {
  const known = await api.all("/v2/account/keys", "ssh_keys", Key);
  if (own.length === 0) {
    if (known.length > 0) return known;
    throw new Problem(
      "the account has no SSH key, and none was given",
      "Give one: --key ~/.ssh/id_ed25519.pub     (make one: ssh-keygen -t ed25519)",
      2,
    );
  }
  const keys: Key[] = [];
  for (const line of own) {
    const there = known.find(({ public_key }) => material(public_key) === material(line));
    keys.push(there ?? (await upload(api, line)));
  }
  return keys;
}

async function upload(api: Api, line: string): Promise<Key> {
  const name = line.split(" ").slice(2).join(" ") || "plimsoll";
  const shape = z.object({ ssh_key: Key });
  return (await api.ask("POST", "/v2/account/keys", shape, { name, public_key: line })).ssh_key;
}

/** Type and key, without the comment. */
function material(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(" ");
}
