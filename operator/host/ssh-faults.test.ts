import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatProblem } from "../problem.ts";
import { parseDestination } from "./destination.ts";
import { fingerprintOf } from "./known-hosts.ts";
import { connectProblem, hostKeyFault, shellProblem } from "./ssh-faults.ts";

/** What OpenSSH 9.2 and 10 say, without most of the debug lines. */
const logs: [what: string, log: string, words: string[]][] = [
  [
    "an unknown name",
    "OpenSSH_9.2p1\ndebug1: Connecting\nssh: Could not resolve hostname nonesuch: Name or service not known\r",
    ["there is no host named nonesuch", "ssh -G"],
  ],
  [
    "a closed port",
    "ssh: connect to host 203.0.113.7 port 2222: Connection refused",
    ["refuses connections on port 2222", "sshd"],
  ],
  [
    "no answer to the first packet",
    "ssh: connect to host 203.0.113.7 port 22: Connection timed out",
    ["does not answer on port 22", "firewall"],
  ],
  [
    "no banner",
    "debug1: Connecting to 203.0.113.7 [203.0.113.7] port 22.\nConnection timed out during banner exchange",
    ["does not answer on port 22"],
  ],
  [
    "no way there",
    "ssh: connect to host 10.1.1.1 port 22: No route to host",
    ["cannot be reached from here"],
  ],
  [
    "a key that is refused",
    [
      "debug1: Authenticating to 203.0.113.7:22 as 'deploy'",
      "debug1: Offering public key: /home/ana/.ssh/id_ed25519 ED25519 SHA256:abc explicit",
      "debug1: Offering public key: ana@laptop RSA SHA256:def agent",
      "deploy@203.0.113.7: Permission denied (publickey,password).",
    ].join("\r\n"),
    [
      "does not let us in as deploy (it takes: publickey,password)",
      "offered  /home/ana/.ssh/id_ed25519 (ED25519 SHA256:abc)",
      "offered  ana@laptop (RSA SHA256:def)",
      "authorized_keys",
      "ssh -v deploy@203.0.113.7",
    ],
  ],
  [
    "too many keys",
    "Received disconnect from 203.0.113.7 port 22:2: Too many authentication failures",
    ["IdentitiesOnly yes"],
  ],
  [
    "a key with a passphrase",
    'Load key "/k": incorrect passphrase supplied to decrypt private key\ndeploy@x: Permission denied (publickey).',
    ["no key was offered", "unusable /k: incorrect passphrase", "ssh-add"],
  ],
  [
    "a changed key",
    [
      "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
      "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
      "The fingerprint for the ED25519 key sent by the remote host is",
      "SHA256:1234567890123456789012345678901234567890123.",
      "Please contact your system administrator.",
      "Offending ED25519 key in /home/ana/.ssh/known_hosts:12",
      "Host key for [203.0.113.7]:2222 has changed and you have requested strict checking.",
      "Host key verification failed.",
    ].join("\r\n"),
    [
      "is not the one it had before: nothing was sent",
      "SHA256:1234567890123456789012345678901234567890123",
      "/home/ana/.ssh/known_hosts, line 12 (ED25519)",
      "ssh-keygen -R '[203.0.113.7]:2222' -f '/home/ana/.ssh/known_hosts'",
    ],
  ],
  [
    "fail2ban",
    "kex_exchange_identification: read: Connection reset by peer",
    ["before a login was possible"],
  ],
  [
    "old ciphers",
    "Unable to negotiate with 203.0.113.7 port 22: no matching host key type found. Their offer: ssh-dss",
    ["in common", "ssh-dss"],
  ],
  [
    "a fault in ssh_config",
    "/tmp/c: line 1: Bad configuration option: nonesuch",
    ["ssh cannot use its configuration"],
  ],
  ["something new", "debug1: x\nthe moon is full", ["cannot connect", "the moon is full", "ssh -v"]],
];

test.each(logs)("%s", (_, log, words) => {
  const text = formatProblem(connectProblem(parseDestination("deploy@203.0.113.7"), log));
  for (const word of words) expect(text).toContain(word);
  expect(text).not.toContain("debug1");
});

test("a key that is not known and one that changed are told apart", () => {
  expect(hostKeyFault("No ED25519 host key is known for x and you have requested strict checking.")).toBe(
    "unknown",
  );
  expect(hostKeyFault(logs.find(([what]) => what === "a changed key")?.[1] ?? "")).toBe("changed");
  expect(hostKeyFault("Permission denied (publickey).")).toBeUndefined();
});

test("a host without bash, or without a shell at all", () => {
  const web = parseDestination("web");
  expect(shellProblem(web, 127, "sh: 1: exec: bash: not found").message).toBe("web has no bash");
  expect(shellProblem(web, 1, "This account is currently not available.").message).toContain(
    "runs no commands: This account is currently not available.",
  );
});

test("fingerprints are those of ssh-keygen", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keys-"));
  try {
    for (const type of ["ed25519", "ecdsa"]) {
      const path = join(folder, type);
      execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path]);
      const printed = execFileSync("ssh-keygen", ["-lf", path], { encoding: "utf8" }).split(" ")[1];
      const key = (await readFile(`${path}.pub`, "utf8")).split(" ")[1] ?? "";
      expect(fingerprintOf(key)).toBe(printed);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
