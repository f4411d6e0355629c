/** Recipients of age: public keys that the secrets which open a repository are encrypted to. */
import { z } from "zod";

const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/** Five bits a letter: 32 bytes of an X25519 key, and six letters of checksum. */
const PATTERN = /^age1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{58}$/;

/** True where the checksum of bech32 (BIP 173) is right: a letter that was mistyped is noticed. */
export function isRecipient(text: string): boolean {
  if (!PATTERN.test(text)) return false;
  const prefix = [..."age"].map((letter) => letter.charCodeAt(0));
  const values = [
    ...prefix.map((code) => code >> 5),
    0,
    ...prefix.map((code) => code & 31),
    ...[...text.slice("age1".length)].map((letter) => LETTERS.indexOf(letter)),
  ];
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].forEach((part, bit) => {
      if ((top >> bit) & 1) sum ^= part;
    });
  }
  return sum === 1;
}

export const Recipient = z.string({ error: "expected a public key of age: age1…" }).refine(isRecipient, {
  error:
    "expected a public key of age (age1 and 58 letters); this one is mistyped, cut off or of another kind. `plimsoll dr key` makes a pair",
});

/**
 * What this project's own example names, so that it generates. Nobody has its private key: a deploy to production
 * with it is refused.
 */
export const REFERENCE_RECIPIENT = "age1pa8rlk4q9e38fugzjf6mpl25h3awat2g5sj8efe8jccv84822z0qudsgk3";
