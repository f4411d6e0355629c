/** Where `--host` points: `user@host`, `host`, `ssh://user@host:port`, or a name of ssh_config. */
import { Problem } from "../problem.ts";

export type Destination = {
  /** As it was written: for messages and for commands to copy. */
  text: string;
  user?: string;
  host: string;
  port?: number;
};

const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
/** A name of DNS or of ssh_config, or an address. A `%` (a zone of IPv6) is left out: ssh would expand it. */
const HOST = /^[A-Za-z0-9_:][A-Za-z0-9._:-]{0,254}$/;

/** Before any process is started: what a shell or ssh itself would read as something else is refused. @throws Problem (2) */
export function parseDestination(text: string): Destination {
  const url = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]/]*\]|[^:/@]*)(?::([^/]*))?\/?$/.exec(text);
  const plain = url ? undefined : /^(?:([^@]*)@)?([^@]*)$/.exec(text);
  const [, user, rawHost, rawPort] = url ?? plain ?? [];
  const host = rawHost?.replace(/^\[(.*)\]$/, "$1") ?? "";
  const port = rawPort === undefined ? undefined : /^\d{1,5}$/.test(rawPort) ? Number(rawPort) : Number.NaN;
  if (!HOST.test(host))
    throw wrong(text, host === "" ? "there is no host in it" : `${show(host)} is no host`);
  if (user !== undefined && !USER.test(user)) throw wrong(text, `${show(user)} is no user`);
  if (port !== undefined && !(port >= 1 && port <= 65_535)) throw wrong(text, `${show(rawPort)} is no port`);
  // host:22 is no address of IPv6, and ssh would look for a machine of that name.
  if (plain && /^[^:]*:[^:]*$/.test(host))
    throw wrong(text, `a port is written as ssh://${show(text).slice(1, -1)}`);
  return { text, host, ...(user !== undefined && { user }), ...(port !== undefined && { port }) };
}

/** For ssh's command line: options, then the host, which nothing can mistake for an option. */
export function destinationArgs({ user, host, port }: Destination): string[] {
  return [...(port ? ["-p", String(port)] : []), ...(user ? ["-l", user] : []), "--", host];
}

/** The same host as another user. */
export function destinationAs(destination: string, user: string): string {
  const { host, port } = parseDestination(destination);
  if (port === undefined) return `${user}@${host}`;
  return `ssh://${user}@${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** For commands to copy. */
export function destinationWords({ user, host, port }: Destination): string {
  return `${port ? `-p ${port} ` : ""}${user ? `${user}@` : ""}${host}`;
}

function wrong(text: string, why: string): Problem {
  return new Problem(
    `${show(text)} is no host to connect to: ${why}`,
    "Expected user@host, ssh://user@host:port, a name of your ~/.ssh/config, or local.",
    2,
  );
}

/** Control characters must not reach the terminal. */
function show(text = ""): string {
  return JSON.stringify(text.slice(0, 80));
}
