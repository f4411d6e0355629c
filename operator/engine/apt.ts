/** apt, without questions and with its faults in words. */
import type { Host, Outcome } from "../host/host.ts";
import { Problem } from "../problem.ts";

const QUIET = {
  DEBIAN_FRONTEND: "noninteractive",
  NEEDRESTART_MODE: "l",
  // A package's server must not be started by its installation twice: we start it and watch it.
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/** Seconds that apt may wait for another apt to end. */
const LOCK_PATIENCE = 120;

type Say = (line: string) => void;

/** Refreshes the lists. A source of somebody else's that fails is no reason to stop: the install will tell. */
export async function aptUpdate(host: Host, say: Say): Promise<Outcome> {
  const deadline = Date.now() + LOCK_PATIENCE * 1000;
  for (;;) {
    const outcome = await host.run("apt-get", ["update", "-q"], { environment: QUIET, apart: true });
    if (outcome.exitCode === 0 || !isLocked(outcome) || Date.now() > deadline) return outcome;
    say("another apt is at work; waiting for it");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }
}

/** @throws Problem with the reason in words. */
export async function aptInstall(host: Host, packages: readonly string[], say: Say): Promise<void> {
  const updated = await aptUpdate(host, say);
  const args = ["install", "-y", "-q", "--no-install-recommends"];
  const options = ["-o", `DPkg::Lock::Timeout=${LOCK_PATIENCE}`, "-o", "Dpkg::Use-Pty=0"];
  // Configuration files that a person changed stay as they are.
  const keep = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"];
  const outcome = await host.run("apt-get", [...args, ...options, ...keep, ...packages], {
    environment: QUIET,
    apart: true,
  });
  if (outcome.exitCode !== 0) throw explainApt(outcome, updated, packages);
}

/** Packages of these names that are installed. */
export async function installedPackages(host: Host, names: readonly string[]): Promise<Set<string>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const found = await host.run("dpkg-query", ["-W", "-f", "${db:Status-Abbrev} ${Package}\\n", ...names]);
  return new Set(
    found.stdout.split("\n").flatMap((line) => {
      const name = /^ii\s+(\S+)/.exec(line)?.[1];
      return name ? [name] : [];
    }),
  );
}

function isLocked({ stderr }: Outcome): boolean {
  return /Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock/.test(stderr);
}

/** What went wrong, from what apt printed. */
export function explainApt(outcome: Outcome, updated: Outcome, packages: readonly string[]): Problem {
  const text = `${updated.stderr}\n${outcome.stderr}`;
  const command = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  if (isLocked(outcome)) {
    return new Problem(
      `another apt or dpkg holds the lock for more than ${LOCK_PATIENCE} s`,
      "Wait for it to end (`ps -C apt-get,apt,dpkg,unattended-upgr`) and run this again: it goes on where it stopped.",
    );
  }
  if (/dpkg was interrupted/.test(text)) {
    return new Problem(
      "an earlier installation was interrupted",
      "dpkg --configure -a\nand then this again.",
    );
  }
  if (
    /Temporary failure resolving|Could not resolve|Could not connect|Network is unreachable|Failed to fetch/.test(
      text,
    )
  ) {
    return new Problem(
      `the package mirror does not answer\n${errorLines(text)}`,
      "Check this machine's network and DNS (or apt's proxy), then run this again.",
    );
  }
  if (/No space left|don't have enough free space/.test(text)) {
    return new Problem(
      "the disk is full",
      "Free about 1 GB (`df -h /var /`; `apt-get clean`), then run this again.",
    );
  }
  return new Problem(
    `the packages could not be installed\n${errorLines(text)}`,
    `To see for yourself: ${command}`,
  );
}

function errorLines(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const errors = lines.filter((line) => /^(E|Err|W):|unmet|Depends:/.test(line));
  return (errors.length > 0 ? errors : lines.filter(Boolean)).slice(-8).join("\n");
}
