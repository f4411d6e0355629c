/** Starts an engine that is installed, and waits until it answers. */
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { type EngineState, findEngine } from "./find.ts";

/** Output of a dockerd that no service manager keeps. */
export const DOCKERD_LOG = "/var/log/plimsoll-dockerd.log";

type Say = (line: string) => void;

/** @throws Problem with the end of its log where it does not come up. */
export async function startEngine(host: Host, say: Say, patience = 60_000): Promise<EngineState> {
  // sd_booted(3): this folder exists where systemd is PID 1, and only there.
  return (await host.exists("/run/systemd/system"))
    ? viaSystemd(host, say, patience)
    : alone(host, say, patience);
}

async function viaSystemd(host: Host, say: Say, patience: number): Promise<EngineState> {
  say("Starting Docker (systemctl enable --now docker)");
  const started = await host.run("systemctl", ["enable", "--now", "docker"], {
    timeout: 120_000,
    apart: true,
  });
  const state = started.exitCode === 0 ? await answers(host, Date.now() + patience) : undefined;
  if (state) return state;
  const journal = await host.run("journalctl", ["-u", "docker", "-n", "15", "--no-pager", "-o", "cat"]);
  throw new Problem(
    `Docker does not start\n${lastLines(`${started.stderr}\n${journal.stdout}`)}`,
    "Its log: journalctl -u docker\nOnce it runs, run this again.",
  );
}

async function alone(host: Host, say: Say, patience: number): Promise<EngineState> {
  say(`Starting dockerd in the background (no systemd here); its log is ${DOCKERD_LOG}`);
  const deadline = Date.now() + patience;
  for (;;) {
    const before = ((await host.read(DOCKERD_LOG)) ?? "").length;
    const dockerd = await host.start("dockerd", [], DOCKERD_LOG);
    const state = await answers(host, deadline, () => dockerd.alive());
    if (state) return state;
    const log = ((await host.read(DOCKERD_LOG)) ?? "").slice(before);
    // Another one is on its way down (or up): it answers soon, or makes room.
    const other = /process with PID (\d+) is still running/.exec(log)?.[1];
    if (other && Date.now() < deadline) {
      say(`  another dockerd (process ${other}) is still ending; waiting for it`);
      const found = await answers(host, deadline, () => host.exists(`/proc/${other}`));
      if (found) return found;
      continue;
    }
    throw new Problem(
      `dockerd ${dockerd.alive() ? "does not answer" : "ended at once"}\n${lastLines(log)}`,
      [hint(log), `Its log: ${DOCKERD_LOG}`].filter(Boolean).join("\n"),
    );
  }
}

type Alive = () => boolean | Promise<boolean>;

async function answers(
  host: Host,
  deadline: number,
  alive: Alive = () => true,
): Promise<EngineState | undefined> {
  while (Date.now() < deadline) {
    const wasAlive = await alive();
    const state = await findEngine(host);
    if (state.kind !== "silent") return state;
    if (!wasAlive) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return undefined;
}

/** What commonly keeps dockerd from running where there is no systemd: it is a container itself. */
export function hint(log: string): string | undefined {
  if (/cgroup/i.test(log) && /mount|not found|no such/i.test(log)) {
    return "The control groups are not mounted: inside a container an engine needs --privileged.";
  }
  if (/iptables|nf_tables|Permission denied \(you must be root\)/i.test(log)) {
    return "The firewall rules cannot be written. With an old kernel: update-alternatives --set iptables /usr/sbin/iptables-legacy";
  }
  if (/operation not permitted/i.test(log)) return "Inside a container an engine needs --privileged.";
  if (/no space left/i.test(log)) return "The disk is full: df -h /var/lib/docker";
  return undefined;
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-12).join("\n");
}
