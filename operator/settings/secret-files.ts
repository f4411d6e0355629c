/** The files of the secrets on a host: how old each is, whether it holds anything; and one value, where it is asked for. */
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { requireDone } from "./place.ts";

export type SecretFile = { /** Seconds since it was written. */ age: number; empty: boolean };

/** By name. One round trip; no value is read. */
export async function secretFiles(
  site: Pick<Site, "host" | "secrets" | "state" | "environment">,
): Promise<Map<string, SecretFile>> {
  const script = `cd -- "$1" 2>/dev/null || exit 0
date +%s
find . -maxdepth 1 -type f ! -name '.*' -printf '%f %T@ %s\\n'`;
  const { stdout } = requireDone(
    site,
    await site.host.script(script, [site.secrets]),
    "looking at the secrets",
  );
  const [now = "", ...lines] = stdout.split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [name, written, size] = line.split(" ");
      if (!name || !written) return [];
      return [
        [name, { age: Math.max(0, Math.round(Number(now) - Number(written))), empty: size === "0" }] as const,
      ];
    }),
  );
}

/** @param name of a file, from the plan. @throws Problem where there is none */
export async function readSecret(
  site: Pick<Site, "host" | "secrets" | "state" | "environment">,
  name: string,
): Promise<string> {
  const script = 'if [[ -e $1 ]]; then echo there; base64 -w 0 -- "$1"; fi';
  const { stdout } = requireDone(
    site,
    await site.host.script(script, [`${site.secrets}/${name}`]),
    "reading the secret",
  );
  const [there, value = ""] = stdout.split("\n");
  if (there !== "there")
    throw new Problem(`the secret ${name} was not made yet`, "The first deploy makes it.");
  return Buffer.from(value, "base64").toString("utf8");
}
