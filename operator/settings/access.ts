/** Whose keys open the host: lines of the deploy user's authorized_keys that are marked with a name. Pure but for the host. */
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";
import { type Place, requireDone } from "./place.ts";
import { fingerprintOf, type PublicKey } from "./public-key.ts";

const MARK = "plimsoll:";
export const ACCESS_NAME = /^[a-z0-9][a-z0-9._-]{0,39}$/;

export type AccessLine = {
  /** Undefined where it was not added by us. */
  name?: string;
  type: string;
  fingerprint: string;
  comment: string;
  line: string;
};

/** The keys of an authorized_keys, options before them or not. */
export function parseAuthorized(text: string): AccessLine[] {
  return text.split("\n").flatMap((line) => {
    const match =
      /(?:^|[ \t])((?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?$/.exec(
        line.trim(),
      );
    if (line.trim().startsWith("#") || !match) return [];
    const [, type = "", blob = "", comment = ""] = match;
    const mark = comment.split(/[ \t]+/).find((word) => word.startsWith(MARK));
    const name = mark?.slice(MARK.length);
    return [
      {
        ...(name && ACCESS_NAME.test(name) && { name }),
        type,
        fingerprint: fingerprintOf(blob),
        comment: comment.replace(mark ?? "", "").trim(),
        line,
      },
    ];
  });
}

export function checkAccessName(name: string): void {
  if (ACCESS_NAME.test(name)) return;
  throw new Problem(
    `${JSON.stringify(name)} is no name for a teammate`,
    "Expected small letters, digits, dots and hyphens, at most 40: ana",
    2,
  );
}

/** @returns undefined where that very key is there under that name already */
export function withKey(text: string, name: string, key: PublicKey): string | undefined {
  const present = parseAuthorized(text);
  const same = present.find(({ fingerprint }) => fingerprint === key.fingerprint);
  if (same?.name === name) return undefined;
  if (same)
    throw new Problem(
      `that key is there already${same.name ? ` as ${same.name}` : `: ${same.comment || same.fingerprint}`}`,
      undefined,
      2,
    );
  if (present.some((line) => line.name === name)) {
    throw new Problem(
      `${name} has another key already`,
      `Give the second one a name of its own (${name}-2), or remove the first.`,
      2,
    );
  }
  const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return `${before}${[key.type, key.blob, `${MARK}${name}`, key.comment].filter(Boolean).join(" ")}\n`;
}

export type RemoveOptions = {
  /** Fingerprints that this machine can offer: what we came in with is among them. */
  ours: ReadonlySet<string>;
  force?: boolean;
};

/** @throws Problem where it would lock everybody, or us, out */
export function withoutKey(text: string, name: string, { ours, force = false }: RemoveOptions): string {
  const present = parseAuthorized(text);
  const gone = present.filter((line) => line.name === name);
  if (gone.length === 0) {
    const names = present.flatMap((line) => line.name ?? []);
    throw new Problem(
      `nobody is called ${name} there`,
      `There are: ${names.join(", ") || "none that plimsoll added"}`,
      2,
    );
  }
  const left = present.filter((line) => line.name !== name);
  if (!force && left.length === 0) {
    throw new Problem(
      `${name} has the last key: nobody could come in any more`,
      "Add another first, or: --force",
    );
  }
  const oursGoes = gone.some(({ fingerprint }) => ours.has(fingerprint));
  if (!force && oursGoes && !left.some(({ fingerprint }) => ours.has(fingerprint))) {
    throw new Problem(
      `${name}'s key is the one that is in use here: you would lock yourself out`,
      "If that is what you want: --force",
    );
  }
  const lines = new Set(gone.map(({ line }) => line));
  return text
    .split("\n")
    .filter((line) => !lines.has(line))
    .join("\n");
}

/** The file as it is, and its bytes for `writeAuthorized`. */
export async function readAuthorized(place: Pick<Place, "host">): Promise<{ text: string; seen: string }> {
  const script =
    'f=$HOME/.ssh/authorized_keys; if [[ -e $f ]]; then base64 -w 0 -- "$f"; else echo absent; fi';
  const { stdout } = requireDone(place, await place.host.script(script), "reading the keys");
  const seen = stdout.trim();
  return { seen, text: seen === "absent" ? "" : Buffer.from(seen, "base64").toString("utf8") };
}

/** @throws Problem where somebody else changed it meanwhile, or ssh-keygen on the host does not take it */
export async function writeAuthorized(place: Pick<Place, "host">, seen: string, text: string): Promise<void> {
  const outcome = await place.host.script(readOwn("operator/settings/access.bash"), [seen], { input: text });
  if (outcome.exitCode === 9)
    throw new Problem("somebody else changed the keys meanwhile", "Run this again.");
  requireDone(place, outcome, "writing the keys");
}
