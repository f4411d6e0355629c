/** First contact: a host's key is fetched without any credential, shown, and kept once a person agrees. */
import { createHash } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { Problem } from "../problem.ts";
import { type Destination, destinationArgs } from "./destination.ts";
import { connectProblem } from "./ssh-faults.ts";
import { configArgs, type SshConfig, settingsOf, sshEnvironment, strictOptions } from "./ssh-options.ts";

export type HostKey = {
  /** `ED25519`. */
  type: string;
  /** `SHA256:...`, as ssh-keygen -l prints it. */
  fingerprint: string;
  /** Lines as ssh writes them to known_hosts: host (or alias, or `[host]:port`, hashed or not), type, key. */
  lines: string;
};

/** Lets ssh itself write the key to an empty file, and asks for no way to log in. @throws Problem */
export async function fetchHostKey(destination: Destination, config: SshConfig): Promise<HostKey> {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-key-"));
  try {
    const file = join(folder, "known_hosts");
    const options = {
      UserKnownHostsFile: file,
      GlobalKnownHostsFile: "/dev/null",
      StrictHostKeyChecking: "accept-new",
      UpdateHostKeys: "no",
      PreferredAuthentications: "none",
      PubkeyAuthentication: "no",
      IdentityAgent: "none",
      ControlPath: "none",
    };
    const { all } = await execa(
      "ssh",
      [
        ...configArgs(config),
        ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
        ...strictOptions(config),
        ...destinationArgs(destination),
        "true",
      ],
      {
        reject: false,
        all: true,
        stdin: "ignore",
        detached: true,
        cleanup: true,
        timeout: (config.connectTimeout + 20) * 1000,
        env: sshEnvironment(),
        extendEnv: false,
      },
    );
    const lines = await readFile(file, "utf8").catch(() => "");
    const [, type = "", key = ""] = lines.trim().split("\n")[0]?.split(" ") ?? [];
    if (key === "") throw connectProblem(destination, all ?? "");
    return { type: shortType(type), fingerprint: fingerprintOf(key), lines };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As ssh-keygen -l prints it. */
export function fingerprintOf(key: string): string {
  const digest = createHash("sha256").update(Buffer.from(key, "base64")).digest("base64");
  return `SHA256:${digest.replace(/=+$/, "")}`;
}

/** `ssh-ed25519` is ED25519 in what ssh prints. */
function shortType(type: string): string {
  return type
    .replace(/^(ssh-|ecdsa-sha2-.*|sk-)/, (found) => (found.startsWith("ecdsa") ? "ecdsa" : ""))
    .toUpperCase();
}

/** Where ssh itself would keep it; undefined where the configuration says that nothing is kept. */
export async function knownHostsFile(
  destination: Destination,
  config: SshConfig,
): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await settingsOf(destination, config);
  if (exitCode !== 0) throw connectProblem(destination, stderr);
  const first = /^userknownhostsfile (\S+)/m.exec(stdout)?.[1] ?? "~/.ssh/known_hosts";
  if (first === "none" || first === "/dev/null") return undefined;
  return first.replace(/^~(?=\/)/, homedir());
}

/** @throws Problem where it cannot be written */
export async function keepHostKey(file: string, key: HostKey): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const before = await readFile(file, "utf8").catch(() => "");
    const gap = before === "" || before.endsWith("\n") ? "" : "\n";
    await appendFile(file, gap + key.lines, { mode: 0o600 });
  } catch (error) {
    throw new Problem(`the host's key cannot be kept in ${file}: ${(error as Error).message}`);
  }
}
