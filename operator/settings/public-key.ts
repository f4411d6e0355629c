/** A public key as OpenSSH writes it. Pure. */
import { createHash } from "node:crypto";
import { Problem } from "../problem.ts";

/** Algorithms that OpenSSH still takes. */
const TYPES =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)$/;
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
