/** What ssh says when it does not get through, in words that help. */
import { Problem } from "../problem.ts";
import { type Destination, destinationWords } from "./destination.ts";

/** Lines of `ssh -v` without its debug lines. */
export function plainLines(log: string): string[] {
  return log
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^debug\d:|^OpenSSH_|^@+$|^@ .* @$/.test(line));
}

/** The keys that were offered to the host: `~/.ssh/id_ed25519 (ED25519 SHA256:...)`. */
export function offeredKeys(log: string): string[] {
  return [...log.matchAll(/Offering public key: (.*?) (\S+) (SHA256:\S+)/g)].map(
    ([, path, type, fingerprint]) => `${path} (${type} ${fingerprint})`,
  );
}

export type HostKeyFault = "unknown" | "changed" | undefined;

export function hostKeyFault(log: string): HostKeyFault {
  if (/HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed/.test(log)) return "changed";
  if (/No \S+ host key is known for/.test(log)) return "unknown";
  return undefined;
}

/** The log is that of `ssh -v` that ended before it got through. */
export function connectProblem(destination: Destination, log: string): Problem {
  const { text } = destination;
  const words = destinationWords(destination);
  const found = (pattern: RegExp) => pattern.exec(log)?.[1];
  const port = found(/(?:connect to host .*|Connecting to .*) port (\d+)/) ?? destination.port ?? 22;

  if (hostKeyFault(log) === "changed") return changedKey(destination, log);
  if (/REVOKED HOST KEY|revoked/i.test(log) && /Host key verification failed/.test(log)) {
    return new Problem(`${text} shows a key that your known_hosts marks as revoked: nothing was sent to it`);
  }
  if (/Host key verification failed/.test(log)) {
    return new Problem(
      `a host on the way to ${text} is not known yet (ProxyJump): nothing was sent through it`,
      `Connect to it once by hand, and compare its key: ssh ${found(/Setting implicit ProxyCommand from ProxyJump: ssh.*?\s(\S+)$/m) ?? "JUMPHOST"}`,
    );
  }
  const name = found(/Could not resolve hostname (\S+?):/);
  if (name) {
    return new Problem(
      `there is no host named ${name}`,
      `Expected a name that resolves, an address, or a Host of ~/.ssh/config: ssh -G ${words}`,
    );
  }
  if (/Bad configuration option|bad configuration options|Bad owner or permissions on/.test(log)) {
    return new Problem(`ssh cannot use its configuration: ${plainLines(log).join("; ")}`, undefined, 2);
  }
  if (/Connection refused/.test(log)) {
    return new Problem(
      `${text} refuses connections on port ${port}: nothing listens there, or a firewall rejects it`,
      `Is it the right port? Is sshd running there? Look in the provider's console: systemctl status ssh`,
    );
  }
  if (/timed out|Timeout, server/i.test(log)) {
    return new Problem(
      `${text} does not answer on port ${port}`,
      `Is the machine switched on, the address right, and port ${port} open in its firewall (and the provider's)?\nTry: ssh -v ${words}`,
    );
  }
  if (/No route to host|Network is unreachable|Host is down/.test(log)) {
    return new Problem(
      `${text} cannot be reached from here`,
      "Is the address right, and this machine online?",
    );
  }
  if (/Permission denied|Too many authentication failures/.test(log)) return denied(destination, log);
  if (/Unable to negotiate with|no matching/i.test(log)) {
    return new Problem(`${text} and this ssh have no cipher or key type in common`, lastWords(log));
  }
  if (/Connection (closed|reset)|kex_exchange_identification|banner/i.test(log)) {
    return new Problem(
      `${text} ended the connection before a login was possible`,
      `Something else than sshd may listen on port ${port}, or the host keeps this address out for a while (fail2ban, MaxStartups).\nTry: ssh -v ${words}`,
    );
  }
  return new Problem(
    `ssh cannot connect to ${text}: ${lastWords(log) || "it said nothing"}`,
    `Try: ssh -v ${words}`,
  );
}

/** What a person is told whose host shows another key than it did. Accepting it is never offered. */
function changedKey(destination: Destination, log: string): Problem {
  const now = /(SHA256:[A-Za-z0-9+/=]+)\.?\s*$/m.exec(
    /fingerprint for the[\s\S]*?sent by the remote host is\s*\S+/.exec(log)?.[0] ?? "",
  )?.[1];
  const [, type, file, line] = /Offending (\S+) key in (.+?):(\d+)/.exec(log) ?? [];
  const name = /host key for (\S+) has changed/i.exec(log)?.[1] ?? destination.host;
  return new Problem(
    [
      `the key of ${destination.text} is not the one it had before: nothing was sent to it`,
      ...(now ? [`  it shows now  ${now}`] : []),
      ...(file ? [`  it was known in ${file}, line ${line}${type ? ` (${type})` : ""}`] : []),
    ].join("\n"),
    [
      "Either the machine was set up anew, or somebody else answers at its address.",
      "Compare in the provider's console: for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done",
      `Only if it is the same there, forget the old key: ssh-keygen -R '${name}'${file ? ` -f '${file}'` : ""}`,
    ].join("\n"),
  );
}

function denied(destination: Destination, log: string): Problem {
  const words = destinationWords(destination);
  const user = destination.user ?? /Authenticating to \S+ as '([^']+)'/.exec(log)?.[1];
  const keys = offeredKeys(log);
  const methods = /Permission denied \(([^)]*)\)/.exec(log)?.[1];
  const locked = [...log.matchAll(/Load key "?([^"\n]+?)"?: (.*)/g)].map(
    ([, path, why]) => `${path}: ${why?.trim()}`,
  );
  return new Problem(
    [
      `${destination.text} does not let us in${user ? ` as ${user}` : ""}${methods ? ` (it takes: ${methods})` : ""}`,
      ...(keys.length > 0 ? keys.map((key) => `  offered  ${key}`) : ["  no key was offered"]),
      ...locked.map((key) => `  unusable ${key}`),
    ].join("\n"),
    [
      `Is ${user ?? "the user"} the right user, and one of these keys in its ~/.ssh/authorized_keys?`,
      /UNPROTECTED PRIVATE KEY/.test(log)
        ? "A key that others may read is not used: chmod 600 it."
        : /Too many authentication failures/.test(log)
          ? "The agent offers too many keys: name one with IdentityFile and IdentitiesOnly yes in ~/.ssh/config."
          : "A key with a passphrase must be in the agent: ssh-add. Passwords are never asked for.",
      `Try: ssh -v ${words}`,
    ].join("\n"),
  );
}

/** The host let us in, and then did not run bash. */
export function shellProblem(destination: Destination, exitCode: number, output: string): Problem {
  const said = output.trim().split("\n").slice(-3).join("\n");
  if (exitCode === 127 || /bash.*not found|unknown command.*bash/i.test(said)) {
    return new Problem(`${destination.text} has no bash`, "Install it there: apt-get install bash");
  }
  return new Problem(
    `${destination.text} lets us in but runs no commands${said ? `: ${said}` : ` (exit code ${exitCode})`}`,
    "Its user needs a login shell, and no forced command: getent passwd USER",
  );
}

export function lostProblem(destination: Destination): Problem {
  return new Problem(
    `the connection to ${destination.text} was lost`,
    "What runs there goes on. Run this again: it finishes what was begun.",
  );
}

function lastWords(log: string): string {
  return plainLines(log).slice(-3).join("\n");
}
