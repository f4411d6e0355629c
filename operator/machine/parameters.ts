/** What a host is made ready with, and the steps there are. Everything is checked before it gets near a shell. */
import { Problem } from "../problem.ts";

/** In the order of init/main.bash. */
export const STEPS = [
  "time",
  "journal",
  "sysctl",
  "swap",
  "settings",
  "engine",
  "user",
  "folder",
  "upgrades",
  "fail2ban",
  "firewall",
  "ssh",
] as const;

export type StepName = (typeof STEPS)[number];

/** auto: Docker's own repository where it answers, the distribution's packages otherwise. */
export type Packages = "auto" | "docker" | "debian";

export type MachineParameters = {
  /** The user who deploys; `deploy` if absent. */
  user?: string;
  packages?: Packages;
  skip?: readonly StepName[];
  /** TCP ports that are open beside ssh's; 80 and 443 if absent. */
  open?: readonly number[];
  /** Public keys for the deploy user beside those of the user who connects. */
  keys?: readonly string[];
};

const USER = /^[a-z_][a-z0-9_-]{0,31}$/;
const KEY = /^(ssh-(ed25519|rsa)|ecdsa-sha2-[a-z0-9-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*( [^\n\r\0]*)?$/;

/** @throws Problem (2) */
export function checkParameters(parameters: MachineParameters): Required<MachineParameters> {
  const { user = "deploy", packages = "auto", skip = [], open = [80, 443], keys = [] } = parameters;
  if (!USER.test(user) || user === "root") {
    throw new Problem(
      `${JSON.stringify(user)} cannot be the deploy user`,
      "Expected a name of small letters, digits, - and _, such as deploy; not root.",
      2,
    );
  }
  for (const name of skip) {
    if (!STEPS.includes(name))
      throw new Problem(
        `there is no step ${JSON.stringify(name)}`,
        `Expected some of ${STEPS.join(", ")}`,
        2,
      );
  }
  for (const port of open) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Problem(`${JSON.stringify(port)} is no port`, "Expected a number from 1 to 65535.", 2);
  }
  for (const key of keys) {
    if (!KEY.test(key)) {
      const what = /PRIVATE KEY/.test(key) ? "a private key" : "no public key as ssh-keygen writes them";
      throw new Problem(
        `this is ${what}`,
        "Expected one line such as `ssh-ed25519 AAAA... ana@laptop`: the file that ends in .pub",
        2,
      );
    }
  }
  return { user, packages, skip, open, keys };
}

/** The public keys in a file's text: one a line, comments and empty lines left out. */
export function keysIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
