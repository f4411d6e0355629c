/** Keys in the repository: the shapes that providers give them, so that a false alarm is rare. */
import { join } from "node:path";
import type { CheckContext } from "./context.ts";
import { failed, passed, unavailable, type Verdict } from "./item.ts";
import { sourceText, trackedFiles } from "./sources.ts";

/** Extended regular expressions, for JavaScript and grep alike. */
export const KEYS: Readonly<Record<string, string>> = {
  "private key": "-----BEGIN [A-Z ]*PRIVATE KEY-----",
  "AWS key": "(AKIA|ASIA)[0-9A-Z]{16}",
  "DigitalOcean token": "do[opr]_v1_[0-9a-f]{64}",
  "GitHub token": "(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})",
  "SendGrid key": "SG[.][A-Za-z0-9_-]{22}[.][A-Za-z0-9_-]{43}",
  "OpenAI or Anthropic key": "sk-(proj-|ant-|svcacct-)?[A-Za-z0-9_-]{40}",
  "Slack token or webhook": "(xox[abpr]-[0-9A-Za-z-]{20}|hooks[.]slack[.]com/services/T[A-Z0-9]{8})",
  "Stripe key": "(sk|rk)_live_[0-9A-Za-z]{24}",
  "Google key": "AIza[0-9A-Za-z_-]{35}",
  "npm token": "npm_[A-Za-z0-9]{36}",
};
export const ANY_KEY = Object.values(KEYS).join("|");

/** Files that have no business in a repository, whatever is in them. */
const FILES =
  /(^|\/)(\.env(\.(local|production|staging))?|\.npmrc|\.netrc|\.pgpass|id_(rsa|dsa|ecdsa|ed25519)|.*\.(p12|pfx|jks))$/;
const PUBLIC = /(^|\/)(generated\/[^/]+\/frontend\/\.env\.production)$/;

export type Found = { path: string; line?: number; what: string };

export function keysIn(path: string, text: string): Found[] {
  return text.split("\n").flatMap((line, index) =>
    Object.entries(KEYS).flatMap(([what, pattern]) => {
      const match = new RegExp(pattern).exec(line);
      // A run of one letter, or what says so itself, stands in documentation and tests.
      if (!match || /(.)\1{7}|example/i.test(match[0])) return [];
      return [{ path, line: index + 1, what }];
    }),
  );
}

export async function secretsInSources(context: CheckContext): Promise<Verdict> {
  const tracked = await trackedFiles(context);
  if (!tracked) return unavailable(`${context.stackFolder} is in no git repository`);
  const found: Found[] = [];
  for (const path of tracked.files) {
    if (FILES.test(path) && !PUBLIC.test(path)) {
      const text = await sourceText(join(tracked.root, path));
      // An .npmrc that only says `save-exact` gives nothing away.
      if (!path.endsWith(".npmrc") || /_auth|_password/i.test(text ?? ""))
        found.push({ path, what: "a file of secrets" });
    }
    const text = await sourceText(join(tracked.root, path));
    // Its own tests hold such keys, made up, to be found.
    if (text !== undefined && !/\.test\.[a-z]+$/.test(path)) found.push(...keysIn(path, text));
  }
  if (found.length === 0) return passed(`none in ${tracked.files.length} files that git tracks`);
  const places = found
    .slice(0, 3)
    .map(({ path, line, what }) => `${what} in ${path}${line ? `:${line}` : ""}`);
  return failed(
    `${found.length}: ${places.join(", ")}`,
    "Take it out, make it anew where it came from (git keeps the old one), and give it: plimsoll secrets set",
  );
}
