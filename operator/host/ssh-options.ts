/** How ssh is called: once for the connection, and then as its clients. */
import { execa } from "execa";
import { type Destination, destinationArgs } from "./destination.ts";

export type SshConfig = {
  /** `-F`: read instead of the user's and the system's ssh_config. PLIMSOLL_SSH_CONFIG; for tests above all. */
  file?: string;
  /** Seconds for the TCP connection and the host's first line. */
  connectTimeout: number;
};

const option = (words: Record<string, string | number>) =>
  Object.entries(words).flatMap(([name, value]) => ["-o", `${name}=${value}`]);

export function configArgs({ file }: SshConfig): string[] {
  return file ? ["-F", file] : [];
}

/**
 * What holds for every connection to a host, whatever ssh_config says: no prompt, a strict look at the key, and nothing
 * of the user's own sessions (forwardings, agent, X11, a command) taken along. Of options given twice ssh takes the first.
 */
export function strictOptions(config: SshConfig): string[] {
  return option({
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    ConnectTimeout: config.connectTimeout,
    // The keys that are tried, the host's key and, at the end, the bytes: all that it says at this level.
    LogLevel: "DEBUG1",
    ClearAllForwardings: "yes",
    ForwardAgent: "no",
    ForwardX11: "no",
    PermitLocalCommand: "no",
    RemoteCommand: "none",
    RequestTTY: "no",
    EscapeChar: "none",
  });
}

/** The one connection; a dead link is noticed after 20 s. */
export function masterArgs(destination: Destination, config: SshConfig, control: string): string[] {
  return [
    ...configArgs(config),
    ...strictOptions(config),
    ...option({
      ControlMaster: "yes",
      ControlPath: control,
      ControlPersist: "no",
      ServerAliveInterval: 5,
      ServerAliveCountMax: 4,
      TCPKeepAlive: "yes",
      StreamLocalBindUnlink: "yes",
    }),
    ...destinationArgs(destination),
  ];
}

/**
 * A client of the connection. It reads no configuration, and where the connection is gone it must not open one of its
 * own: its ProxyCommand fails.
 */
export function clientArgs(destination: Destination, control: string): string[] {
  return [
    "-F",
    "/dev/null",
    "-S",
    control,
    ...option({
      ControlMaster: "no",
      ProxyCommand: "false",
      BatchMode: "yes",
      LogLevel: "ERROR",
      EscapeChar: "none",
    }),
    "--",
    destination.host,
  ];
}

/** A process that no terminal can ask for a password. */
export function sshEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, SSH_ASKPASS_REQUIRE: "never", LC_ALL: "C.UTF-8" };
}

/** What ssh makes of the command line and its configuration: `name value`, a line each. Nothing on the wire. */
export async function settingsOf(
  destination: Destination,
  config: SshConfig,
): Promise<{ exitCode?: number; stdout: string; stderr: string }> {
  return execa("ssh", [...configArgs(config), "-G", ...destinationArgs(destination)], {
    ...{ reject: false, stdin: "ignore", env: sshEnvironment(), extendEnv: false },
  } as const);
}
