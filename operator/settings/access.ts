/** Whose keys open the host: lines of the deploy user's authorized_keys that are marked with a name. Pure but for the host. */
import { createHash } from "node:crypto";
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";
import { type Place, requireDone } from "./place.ts";

/** Algorithms that OpenSSH still takes. */
const TYPES =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/;
const MARK = "plimsoll:";
export const ACCESS_NAME = /^[a-z0-9][a-z0-9._-]{0,39}$/;

export type PublicKey = { type: string; blob: string; comment: string; fingerprint: string };

/** @throws Problem (2) for anything that is not exactly one public key. The text itself is never repeated: it may be a private one */
export function parsePublicKey(text: string): PublicKey {
  const refuse = (message: string) =>
    new Problem(message, "Expected one line as in id_ed25519.pub: ssh-ed25519 AAAA... comment", 2);
  if (text.includes("PRIVATE KEY")) throw refuse("that is a private key: it must never leave its machine");
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length !== 1) throw refuse(`expected one public key, found ${lines.length} lines`);
  const [type = "", blob = "", ...comment] = (lines[0] as string).trim().split(/[ \t]+/);
  if (!TYPES.test(type)) throw refuse("that is no public key of a kind that OpenSSH takes without options");
  const bytes = Buffer.from(blob, "base64");
  if (bytes.toString("base64") !== blob || !isWhole(type, bytes))
    throw refuse(`that ${type} key is cut short or changed`);
  // The second number is the modulus, with a zero byte before it.
  if (type === "ssh-rsa" && (fieldsOf(bytes)?.[2]?.length ?? 0) < 256)
    throw refuse("that RSA key has fewer than 2048 bits");
  const said = comment
    .join(" ")
    .replace(/\p{Cc}/gu, "")
    .slice(0, 100);
  return { type, blob, comment: said, fingerprint: fingerprintOf(blob) };
}

/** A key's bytes are fields, each with its length before it, the first its kind (RFC 4253, 6.6). */
function fieldsOf(bytes: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function isWhole(type: string, bytes: Buffer): boolean {
  const [kind, ...rest] = fieldsOf(bytes) ?? [];
  const counts: Record<string, number> = { "ssh-ed25519": 1, "ssh-rsa": 2, "sk-ssh-ed25519@openssh.com": 2 };
  const count = counts[type] ?? (type.startsWith("sk-") ? 3 : 2);
  if (kind?.toString("latin1") !== type || rest.length !== count) return false;
  return !type.endsWith("ssh-ed25519") || rest[0]?.length === 32;
}

/** As `ssh-keygen -l` writes it. */
export function fingerprintOf(blob: string): string {
  const hash = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64");
  return `SHA256:${hash.replace(/=+$/, "")}`;
}

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
