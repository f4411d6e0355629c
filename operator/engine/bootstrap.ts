/** The base image made from Debian's packages with debootstrap, where no registry answers. */
import { mkdtemp } from "node:fs/promises";
import type { Host, Outcome } from "../host/host.ts";
import { isLocalEndpoint } from "../host/socket.ts";
import { Problem } from "../problem.ts";
import { aptInstall, installedPackages } from "./apt.ts";
import type { BaseOptions } from "./base.ts";
import { distributionOf } from "./distribution.ts";
import type { Engine } from "./find.ts";
import { remember } from "./install.ts";
import { BASE_IMAGE } from "./registry.ts";

type Say = (line: string) => void;

const MIRROR = "http://deb.debian.org/debian";

/** Bytes that the folder of a minimal system takes before it is an image. */
const SPACE = 700 * 1024 * 1024;

/** @throws Problem where this is no place to make one, or debootstrap fails. */
export async function bootstrap(
  engine: Engine,
  host: Host,
  say: Say,
  { mirror, signal }: BaseOptions,
): Promise<void> {
  if (host.platform !== "linux" || host.uid !== 0 || !isLocalEndpoint(engine.endpoint)) throw notHere(host);
  await requireDebootstrap(host, say);
  const free = await host.free("/var/tmp");
  if (free !== undefined && free < SPACE) {
    throw new Problem(
      "less than 700 MB are free in /var/tmp",
      "Free some space there (df -h /var/tmp), then run this again.",
    );
  }
  const from = mirror ?? (await mirrorOf(host)) ?? MIRROR;
  say(`No registry answers: making ${BASE_IMAGE} with debootstrap from ${from} (about half a minute)`);
  // /tmp may be mounted noexec or in memory; /var/tmp is neither, by custom.
  const folder = await mkdtemp("/var/tmp/plimsoll-base-");
  try {
    // There is no script named forky in older debootstraps; sid's serves every newer suite.
    const made = await host.run(
      "debootstrap",
      ["--variant=minbase", "forky", folder, from, "/usr/share/debootstrap/scripts/sid"],
      { timeout: 900_000, signal, environment: { DEBIAN_FRONTEND: "noninteractive" } },
    );
    if (made.exitCode !== 0) throw explainDebootstrap(made, from);
    await must(host.run("sh", ["-ec", SLIM, "sh", folder], { signal }), "the base system cannot be trimmed");
    const importing = host.run("bash", ["-c", IMPORT, "bash", folder, BASE_IMAGE], {
      timeout: 300_000,
      signal,
    });
    await must(importing, "the base image cannot be imported");
  } finally {
    // One file system: debootstrap mounts /proc inside, and unmounts it only where it ends by itself.
    await host.run("umount", ["-l", `${folder}/proc`]);
    await host.run("rm", ["-rf", "--one-file-system", folder]);
  }
  await verify(host);
}

/**
 * What the official debian:*-slim leaves out, and its three settings that matter in a build: no service is started
 * by its installation, no package files are kept, no translations are fetched.
 * Source: debuerreotype's scripts `.slimify-excludes` and `debuerreotype-minimizing-config`.
 */
const SLIM = `
cd "$1"
rm -rf usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/groff/* usr/share/lintian/* usr/share/linda/*
find usr/share/locale -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -rf {} +
rm -rf var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/*.deb var/log/* var/cache/debconf/*-old
for path in doc man info groff lintian linda; do echo "path-exclude /usr/share/$path/*"; done > etc/dpkg/dpkg.cfg.d/docker
echo 'path-exclude /usr/share/locale/*' >> etc/dpkg/dpkg.cfg.d/docker
echo 'path-include /usr/share/locale/locale.alias' >> etc/dpkg/dpkg.cfg.d/docker
printf '#!/bin/sh\\nexit 101\\n' > usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };' > etc/apt/apt.conf.d/docker-clean
echo 'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";' >> etc/apt/apt.conf.d/docker-clean
echo 'Acquire::Languages "none";' > etc/apt/apt.conf.d/docker-no-languages
rm -f etc/hostname etc/resolv.conf
`;

const IMPORT = `
set -euo pipefail
tar --numeric-owner -C "$1" -c . | docker import --change 'CMD ["bash"]' --change 'LABEL plimsoll.base=debootstrap' - "$2"
`;

async function requireDebootstrap(host: Host, say: Say): Promise<void> {
  if ((await host.run("debootstrap", ["--version"])).exitCode === 0) return;
  const { id, like, title } = await distributionOf(host);
  if (id !== "debian" && id !== "ubuntu" && !like.includes("debian")) {
    throw new Problem(
      `no registry answers, and debootstrap, which makes ${BASE_IMAGE} without one, is not installed`,
      `Install debootstrap on ${title}, or bring the image:\n${BRING}`,
    );
  }
  say("Installing debootstrap with apt: it makes the base image where no registry answers");
  const packages = ["debootstrap", "debian-archive-keyring"];
  const before = await installedPackages(host, packages);
  await aptInstall(host, packages, say);
  await remember(host, { packages: packages.filter((name) => !before.has(name)), files: [] });
}

/** The Debian mirror that this machine uses itself. */
async function mirrorOf(host: Host): Promise<string | undefined> {
  const targets = await host.run("apt-get", ["indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"]);
  const found = targets.stdout.split("\n").find((line) => line.startsWith("Debian Debian http"));
  return found?.split(" ")[2]?.replace(/\/$/, "");
}

async function verify(host: Host): Promise<void> {
  const args = [
    "run",
    "--rm",
    "--network",
    "none",
    BASE_IMAGE,
    "sh",
    "-c",
    ". /etc/os-release; echo $ID; apt-get --version",
  ];
  const seen = await host.run("docker", args, { timeout: 60_000 });
  if (seen.exitCode === 0 && seen.stdout.startsWith("debian")) return;
  await host.run("docker", ["image", "rm", BASE_IMAGE]);
  throw new Problem(
    `${BASE_IMAGE} was made, but does not run\n${lastLine(seen)}`,
    "Run this again; it starts afresh.",
  );
}

const bring = (where: string) => `docker save ${BASE_IMAGE} | ssh ${where} docker load`;
const BRING = `${bring("THIS-MACHINE")}     (on a machine that has it)`;

function notHere(host: Host): Problem {
  const why =
    host.platform === "linux"
      ? "making it takes root on the engine's own machine"
      : "it can be made on Linux only";
  const make = `sudo env "PATH=$PATH" npx plimsoll engine install --base`;
  if (host.kind === "ssh")
    return new Problem(
      `no registry answers ${host.name}, and ${BASE_IMAGE}, which images: debian are built on, is not there: nothing was changed`,
      `Bring it from a Linux machine:\n  ${make}     (makes it where it is not)\n  ${bring(host.name)}`,
    );
  return new Problem(
    `no registry answers, ${BASE_IMAGE} is not here, and ${why}`,
    `Run \`${make}\` on a Linux machine, or bring the image:\n${BRING}`,
  );
}

function explainDebootstrap(outcome: Outcome, mirror: string): Problem {
  const text = `${outcome.stdout}\n${outcome.stderr}`;
  if (outcome.exitCode === 124)
    return new Problem(`${mirror} is too slow: debootstrap took more than 15 minutes`);
  if (/Failed getting release file|Couldn't download/i.test(text)) {
    return new Problem(
      `${mirror} does not answer`,
      "Check the network, or name another mirror: plimsoll engine install --base --mirror URL",
    );
  }
  if (/Cannot mknod|Operation not permitted|mounted with noexec or nodev/i.test(text)) {
    return new Problem(
      "debootstrap may not make a system in /var/tmp here",
      `Mount options (noexec, nodev) or a container's limits forbid it. Bring the image instead:\n${BRING}`,
    );
  }
  return new Problem(`debootstrap failed\n${lastLine(outcome)}`, "Run this again; it starts afresh.");
}

async function must(running: Promise<Outcome>, what: string): Promise<void> {
  const outcome = await running;
  if (outcome.exitCode !== 0) throw new Problem(`${what}\n${lastLine(outcome)}`);
}

export function lastLine({ stdout, stderr }: Outcome): string {
  return `${stdout}\n${stderr}`.trim().split("\n").slice(-3).join("\n");
}
