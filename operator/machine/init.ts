/** A fresh droplet made ready, over one connection, and a second login before its doors stay as they are. */
import { parseDestination } from "../host/destination.ts";
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { checkParameters, type MachineParameters, STEPS } from "./parameters.ts";
import { CONFIRM, initScript, TAKE_BACK } from "./script.ts";

export type StepState = "ok" | "done" | "would" | "skipped" | "impossible" | "failed";

export type StepResult = { step: string; state: StepState; text: string };

export type InitResult = {
  host: string;
  /** The deploy user. */
  user: string;
  steps: StepResult[];
  /** Every step is ok, done or skipped. */
  ready: boolean;
};

export type InitOptions = {
  parameters: MachineParameters;
  dryRun?: boolean;
  /** Called with every step as it ends. */
  onStep?(step: StepResult): void;
  /** A second, new connection as this user. @throws where there is none */
  login(user: string): Promise<Host>;
  signal?: AbortSignal;
};

/**
 * Safe to run again: steps that are done already change nothing.
 * @throws Problem where nothing could be begun; a step that fails is in the result
 */
export async function initHost(host: Host, options: InitOptions): Promise<InitResult> {
  const { parameters, dryRun = false } = options;
  const { user } = checkParameters(parameters);
  await requireRoot(host);
  const steps: StepResult[] = [];
  const note = (step: StepResult) => {
    steps.push(step);
    options.onStep?.(step);
  };
  const text = initScript(parameters, { origin: "ssh", dryRun });
  const outcome = await asRoot(host, text, {
    signal: options.signal,
    onLine: (line) => {
      const step = parseStep(line);
      if (step) note(step);
    },
  });
  const ended = steps.find(({ step, state }) => step === "system" && state === "failed");
  if (ended) throw new Problem(`${host.name} cannot be made ready: ${ended.text}`, undefined, 2);
  if (steps.length <= STEPS.length) {
    const last = outcome.stderr.trim().split("\n").slice(-3).join("\n");
    throw new Problem(
      `the steps on ${host.name} ended early${last ? `: ${last}` : ""}`,
      "Run this again: it goes on where it stopped. The log there: /var/log/plimsoll-init.log",
    );
  }
  if (!dryRun) note(await secondLogin(host, user, steps, options));
  const good = dryRun ? ["ok", "would", "skipped"] : ["ok", "done", "skipped"];
  return { host: host.name, user, steps, ready: steps.every(({ state }) => good.includes(state)) };
}

/** `done<TAB>firewall<TAB>from outside only 22`; undefined for any other line. */
export function parseStep(line: string): StepResult | undefined {
  const match = /^(ok|done|would|skipped|impossible|failed)\t([a-z0-9]+)\t(.*)$/.exec(line);
  if (!match) return undefined;
  const [, state, step = "", text = ""] = match;
  return { state: state as StepState, step, text };
}

/** Never locks anybody out: the doors stay only where a new login gets through them. */
async function secondLogin(
  host: Host,
  user: string,
  steps: readonly StepResult[],
  { login }: InitOptions,
): Promise<StepResult> {
  const made = steps.some(({ step, state }) => step === "user" && (state === "ok" || state === "done"));
  const engine = steps.some(({ step, state }) => step === "engine" && (state === "ok" || state === "done"));
  try {
    const second = await login(made ? user : currentUser(host));
    try {
      // It came through the doors: they stay, whatever else is wrong.
      const confirmed = await asRoot(host, CONFIRM);
      if (confirmed.exitCode !== 0) throw new Error(`it cannot be confirmed: ${confirmed.stderr.trim()}`);
      const docker =
        made && engine ? await second.run("docker", ["version"], { timeout: 30_000 }) : undefined;
      if (docker && docker.exitCode !== 0)
        return {
          step: "login",
          state: "failed",
          text: `${second.name} gets through, and may not use Docker: ${docker.stderr}`,
        };
      return { step: "login", state: "ok", text: `a new login as ${second.name} gets through` };
    } finally {
      await second.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    const back = await asRoot(host, TAKE_BACK).catch(() => undefined);
    const then =
      back?.exitCode === 0
        ? "firewall and sshd are as they were"
        : "firewall and sshd go back to what they were within three minutes";
    return { step: "login", state: "failed", text: `a new login does not get through (${why}): ${then}` };
  }
}

async function requireRoot(host: Host): Promise<void> {
  if (host.uid === 0) return;
  const sudo = await host.run("sudo", ["-n", "true"], { timeout: 20_000 });
  if (sudo.exitCode === 0) return;
  throw new Problem(
    `${host.name} is neither root nor may use sudo without a password`,
    "Name root, or a user with sudo: plimsoll host init root@HOST",
    2,
  );
}

/** The script comes on stdin: sudo forgets where the connection came in, so it is said again. */
function asRoot(
  host: Host,
  text: string,
  options: { signal?: AbortSignal; onLine?(line: string): void } = {},
) {
  const command = 'exec sudo -n env "SSH_CONNECTION=$SSH_CONNECTION" bash -s';
  return host.uid === 0
    ? host.run("bash", ["-s"], { input: text, ...options })
    : host.run("bash", ["-c", command], { input: text, ...options });
}

function currentUser(host: Host): string {
  return parseDestination(host.name).user ?? "root";
}
