/** A real sshd on the loopback, with keys and an ssh_config of its own: nothing of the user's is read or written. */
import { spawn } from "node:child_process";
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { freePort } from "../../operator/host/port.ts";

export type Sshd = {
  port: number;
  user: string;
  folder: string;
  /** The ssh_config for `-F`. */
  config: string;
  knownHosts: string;
  /** More `Host` blocks; the first value of a word holds, so they go before what is there. */
  configure(text: string): Promise<void>;
  /** Other host keys from now on, as a machine set up anew has. */
  renewKeys(): Promise<void>;
  /** Ends sshd; sessions go on, as they do under systemd. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** What it wrote since it was started. */
  log(): string;
  remove(): Promise<void>;
};

const SSHD = "/usr/sbin/sshd";

/** False after saying once what to do about it. */
export async function sshdOrSkip(): Promise<boolean> {
  const there = await access(SSHD).then(
    () => true,
    () => false,
  );
  if (there) return true;
  const line = "there is no sshd here. Get one: apt-get install openssh-server";
  if (process.env.PLIMSOLL_E2E === "required") throw new Error(`e2e cannot run: ${line}`);
  console.error(`e2e over ssh is skipped: ${line}`);
  return false;
}

export async function startSshd(words: Readonly<Record<string, string>> = {}): Promise<Sshd> {
  // sshd refuses keys below a folder that others may write to, and its socket for privileges is fixed.
  const folder = await mkdtemp(join(tmpdir(), "sshd-"));
  const at = (name: string) => join(folder, name);
  const user = userInfo().username;
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 }).catch(() => undefined);
  await keygen(at("key"));
  await keygen(at("other"));
  await keygen(at("host"));
  await writeFile(at("authorized_keys"), await readFile(at("key.pub")), { mode: 0o600 });
  const port = await freePort();
  await writeFile(
    at("sshd_config"),
    [
      "ListenAddress 127.0.0.1",
      `Port ${port}`,
      `HostKey ${at("host")}`,
      `AuthorizedKeysFile ${at("authorized_keys")}`,
      `PidFile ${at("pid")}`,
      "StrictModes no",
      "UsePAM no",
      "LogLevel VERBOSE",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PermitRootLogin prohibit-password",
      ...Object.entries(words).map(([name, value]) => `${name} ${value}`),
    ].join("\n"),
  );
  const base = [
    "Host *",
    `  User ${user}`,
    `  IdentityFile ${at("key")}`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    `  UserKnownHostsFile ${at("known_hosts")}`,
    "  GlobalKnownHostsFile /dev/null",
  ].join("\n");
  await writeFile(at("config"), base, { mode: 0o600 });

  let log = "";
  let daemon = await launch();

  async function launch() {
    const child = spawn(SSHD, ["-D", "-e", "-f", at("sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
    log = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr.on("data", (bytes: Buffer) => {
        log += bytes;
        if (/Server listening/.test(log)) resolve();
      });
      child.once("exit", () => reject(new Error(`sshd does not start: ${log}`)));
    });
    return child;
  }

  async function stop() {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill();
    await new Promise((resolve) => daemon.once("exit", resolve));
  }

  return {
    port,
    user,
    folder,
    config: at("config"),
    knownHosts: at("known_hosts"),
    configure: (text) => writeFile(at("config"), `${text}\n${base}`, { mode: 0o600 }),
    async renewKeys() {
      await stop();
      await keygen(at("host"));
      daemon = await launch();
    },
    stop,
    async start() {
      daemon = await launch();
    },
    log: () => log,
    async remove() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** As ssh-keygen prints it. */
export async function hostFingerprint({ folder }: Pick<Sshd, "folder">): Promise<string> {
  const { stdout } = await execa("ssh-keygen", ["-lf", join(folder, "host.pub")]);
  return stdout.split(" ")[1] ?? "";
}

async function keygen(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.pub`, { force: true });
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "a test's", "-f", path]);
  await chmod(path, 0o600);
}
