/**
 * A droplet for the tests: a privileged container of Debian with a real systemd, sshd and Docker engine, reached with
 * a real ssh and a key of its own. Not the outer engine: what it runs, builds and publishes stays inside.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Outcome } from "../../operator/host/host.ts";
import { dropletImage } from "./droplet-image.ts";
import { eventually } from "./wait.ts";

export type DropletOptions = {
  /** Part of its container's name: `deploy`. */
  name: string;
  /** False: fresh, as a droplet comes (root alone, no Docker). True if absent: as after `plimsoll host init`. */
  engine?: boolean;
  /** False: sshd and dockerd without an init system. True if absent. */
  systemd?: boolean;
  /** Debian of the host; trixie if absent. */
  suite?: "bookworm" | "trixie";
  /** Limits of the whole droplet, as docker run spells them: `4g`, `1.5`. */
  memory?: string;
  cpus?: string;
};

export type Droplet = {
  /** Address that this machine reaches; a name for ssh only with `-F sshConfig`. */
  host: string;
  port: number;
  /** `deploy` where there is an engine, `root` on a fresh one. root's key is the same. */
  user: string;
  keyFile: string;
  /** For `ssh -F`: knows `host` and the name `droplet`, with the key and a known_hosts file of its own. */
  sshConfig: string;
  /** The known_hosts file that sshConfig names. */
  knownHosts: string;
  /** SHA256:... of the host's ed25519 key. */
  fingerprint: string;
  /** The same as `host`. */
  address: string;
  /** The outer engine's container. */
  container: string;
  /** bash -c as root, past ssh. @throws where it fails, with its output */
  exec(command: string, options?: ExecOptions): Promise<string>;
  /** The same; never throws for a command that failed. */
  attempt(command: string, options?: ExecOptions): Promise<Outcome>;
  /** Over real ssh, in the user's shell. Never throws for a command that failed. */
  ssh(command: string, options?: ExecOptions): Promise<Outcome>;
  /** Brings images of the outer engine into the inner one: those that are not there yet, in one stream. */
  images(list: readonly string[]): Promise<string[]>;
  /** Power off and on; back when ssh (and the engine) answer. */
  reboot(): Promise<void>;
  /** Takes it away whole. Safe to call twice. PLIMSOLL_E2E_KEEP keeps it. */
  stop(): Promise<void>;
};

export type ExecOptions = { user?: string; input?: string };

/** @throws with the container's output; nothing is left behind then */
export async function startDroplet(options: DropletOptions): Promise<Droplet> {
  const { engine = true, systemd = true, suite = "trixie" } = options;
  const image = await dropletImage({ flavour: engine ? "ready" : "fresh", suite });
  const run = process.env.PLIMSOLL_E2E_RUN;
  const container = ["droplet", run, options.name, randomBytes(3).toString("hex")].filter(Boolean).join("-");
  const folder = await mkdtemp(join(tmpdir(), `${container}-`));
  const labels = ["--label", `plimsoll.test.droplet=${run ?? "yes"}`];
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    if (process.env.PLIMSOLL_E2E_KEEP) return console.error(`kept: ${container} (${folder})`);
    await execa("docker", ["rm", "--force", "--volumes", container], { reject: false });
    await execa("docker", ["network", "rm", container], { reject: false });
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const address = await ownNetwork(container, labels);
    await execa("docker", [
      ...["create", "--privileged", "--name", container, "--hostname", "droplet", ...labels],
      ...["--network", container, "--ip", address, "--cgroupns", "private"],
      ...[
        "--tmpfs",
        "/run:exec,mode=755",
        "--tmpfs",
        "/run/lock",
        "--mount",
        "type=volume,dst=/var/lib/docker",
      ],
      ...["--env", `DROPLET_INIT=${systemd ? "systemd" : "none"}`],
      ...["--env", `DROPLET_NAMESERVERS=${await nameservers()}`],
      ...(systemd ? [] : ["--init", "--stop-signal", "SIGTERM"]),
      ...(options.memory ? ["--memory", options.memory] : []),
      ...(options.cpus ? ["--cpus", options.cpus] : []),
      image,
    ]);
    await bringAuthority(container);
    await execa("docker", ["start", container]);
    const droplet = await dropletOf(container, folder, address, engine, stop);
    await answers(droplet, engine);
    return droplet;
  } catch (error) {
    const { all } = await execa("docker", ["logs", "--tail", "20", container], { reject: false, all: true });
    await stop();
    throw new Error(`the droplet did not start: ${(error as Error).message}\n${all}`);
  }
}

/** The same, for one test: stopped whatever happens in it. */
export async function withDroplet<Result>(
  options: DropletOptions,
  action: (droplet: Droplet) => Promise<Result>,
): Promise<Result> {
  const droplet = await startDroplet(options);
  try {
    return await action(droplet);
  } finally {
    await droplet.stop();
  }
}

async function dropletOf(
  container: string,
  folder: string,
  address: string,
  engine: boolean,
  stop: () => Promise<void>,
): Promise<Droplet> {
  const user = engine ? "deploy" : "root";
  const [keyFile, knownHosts, sshConfig] = ["key", "known_hosts", "config"].map((file) =>
    join(folder, file),
  ) as [string, string, string];
  const attempt = async (command: string, { user: as, input }: ExecOptions = {}) =>
    outcomeOf(
      "docker",
      ["exec", "-i", ...(as ? ["--user", as] : []), container, "bash", "-c", command],
      input,
    );
  const exec = async (command: string, execOptions?: ExecOptions) => {
    const { exitCode, stdout, stderr } = await attempt(command, execOptions);
    if (exitCode !== 0)
      throw new Error(`${container}: ${command} ended with ${exitCode}\n${stdout}\n${stderr}`);
    return stdout;
  };
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test@laptop", "-f", keyFile]);
  await bringKey(exec, await readFile(`${keyFile}.pub`, "utf8"), engine ? ["root", "deploy"] : ["root"]);
  // The container's start has made it, maybe this very moment.
  let hostKey = "";
  await eventually(async () => {
    hostKey = await exec("cat /etc/ssh/ssh_host_ed25519_key.pub");
  }, 240);
  await writeFile(knownHosts, `${address} ${hostKey}\n`);
  await writeFile(sshConfig, configText({ address, user, keyFile, knownHosts }));
  const fingerprint = (await execa("ssh-keygen", ["-lf", "-"], { input: hostKey })).stdout.split(" ")[1];
  const droplet: Droplet = {
    host: address,
    port: 22,
    user,
    keyFile,
    sshConfig,
    knownHosts,
    fingerprint: fingerprint ?? "",
    address,
    container,
    exec,
    attempt,
    ssh: (command, { user: as = user, input } = {}) =>
      outcomeOf("ssh", ["-F", sshConfig, "-l", as, "droplet", command], input),
    images: (list) => bringImages(container, list),
    async reboot() {
      await execa("docker", ["restart", container]);
      await answers(droplet, engine);
    },
    stop,
  };
  return droplet;
}

function configText(words: { address: string; user: string; keyFile: string; knownHosts: string }): string {
  return [
    `Host droplet ${words.address}`,
    `  HostName ${words.address}`,
    "  Port 22",
    `  User ${words.user}`,
    `  IdentityFile ${words.keyFile}`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${words.knownHosts}`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "  BatchMode yes",
    "",
  ].join("\n");
}

async function bringKey(exec: Droplet["exec"], publicKey: string, users: readonly string[]): Promise<void> {
  for (const user of users) {
    const home = user === "root" ? "/root" : `/home/${user}`;
    await exec(
      `install -d -m 700 -o ${user} -g ${user} ${home}/.ssh && cat > ${home}/.ssh/authorized_keys &&
       chown ${user}: ${home}/.ssh/authorized_keys && chmod 600 ${home}/.ssh/authorized_keys`,
      { input: publicKey },
    );
  }
}

/** A proxy's certificate authority that this machine trusts, so that builds inside reach npm as those outside do. */
async function bringAuthority(container: string): Promise<void> {
  const file = process.env.NODE_EXTRA_CA_CERTS;
  if (!file || !(await stat(file).catch(() => undefined))) return;
  await execa("docker", ["cp", "--follow-link", file, `${container}:/usr/local/share/droplet-ca.pem`]);
}

/** Several images in one stream: what they share is sent once. */
async function bringImages(container: string, list: readonly string[]): Promise<string[]> {
  const inspect = ["image", "inspect", "--format", "{{.Id}}"];
  const idOf = async (command: readonly string[]) =>
    (await execa("docker", command, { reject: false })).stdout;
  const missing: string[] = [];
  for (const image of new Set(list)) {
    const outer = await idOf([...inspect, image]);
    if (!outer) throw new Error(`the outer engine has no ${image}`);
    const inner = await idOf(["exec", container, "docker", ...inspect, image]);
    if (inner !== outer) missing.push(image);
  }
  if (missing.length === 0) return [];
  await execa("bash", [
    "-c",
    'set -o pipefail; into=$1; shift; docker save "$@" | docker exec -i "$into" docker load --quiet',
    "bash",
    container,
    ...missing,
  ]);
  return missing;
}

async function answers(droplet: Droplet, engine: boolean): Promise<void> {
  await eventually(async () => {
    const { exitCode, stderr } = await droplet.ssh(engine ? "docker info" : "true");
    if (exitCode !== 0) throw new Error(stderr);
  }, 240);
}

/** A network of its own, so that its address stays over a reboot. @returns the droplet's address in it */
async function ownNetwork(name: string, labels: readonly string[]): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const [third = 0, low = 0] = randomBytes(2);
    const prefix = `10.213.${third}`;
    const first = low & 0xf0;
    const subnet = `${prefix}.${first}/28`;
    const made = await execa("docker", ["network", "create", "--subnet", subnet, ...labels, name], {
      reject: false,
    });
    if (made.exitCode === 0) return `${prefix}.${first + 2}`;
    if (attempt === 10 || !/overlap/i.test(made.stderr)) throw new Error(made.stderr);
  }
}

/** This machine's, without those that only it can reach. */
async function nameservers(): Promise<string> {
  const text = await readFile("/etc/resolv.conf", "utf8").catch(() => "");
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)]
    .map(([, address = ""]) => address)
    .filter((address) => !/^127\.|^::1$/.test(address))
    .join(" ");
}

async function outcomeOf(command: string, args: readonly string[], input?: string): Promise<Outcome> {
  const result = await execa(command, args, { reject: false, input: input ?? "" });
  return { exitCode: result.exitCode ?? 1, stdout: result.stdout, stderr: result.stderr };
}
