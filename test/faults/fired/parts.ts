/** What the faults of this series are made of. */
import { API, type Begin, diesOften, goesOn, hangs, hasCpu, shell, withRedis } from "../acts.ts";
import type { Site } from "../site.ts";
import type { Fault } from "./fire.ts";

const CONTROL = "http://127.0.0.1:8081/control/api";

/** A statement on the primary, over and over. */
export const often =
  (seconds: number, statement: string): Begin =>
  async (site, undo) => {
    const psql = "psql -h 127.0.0.1 -U postgres -d fkod_db -XAtqc";
    const script = `while ${psql} "${statement}" >/dev/null; do sleep ${seconds}; done`;
    await goesOn(site.leader, script)(site, undo);
  };

/** So many clients of a node that ask nothing else. */
export function clients(count: number, statement: string): string {
  const words = `-n -j 1 -c ${count} -T 3600 -f /dev/stdin`;
  return `exec pgbench -h 127.0.0.1 -U postgres ${words} fkod_db <<end\n${statement}\nend`;
}

/** A program in the application's container, with its packages. */
export const program = (service: string, text: string): Begin =>
  goesOn(service, `NODE_OPTIONS= exec node -e '${text.replaceAll("'", `'\\''`)}'`);

/** As many open connections to a port, made again where they are closed, for so many seconds. */
export const connections = (host: string, port: number, count: number, seconds = 3600): Begin =>
  program(
    "worker-1",
    `const net = require("node:net");
     require("node:dns").lookup("${host}", (_, address) => {
       const open = () => net.connect(${port}, address).on("error", () => {}).on("close", () => setTimeout(open, 500));
       for (let n = 0; n < ${count}; n++) open();
     });
     setTimeout(() => process.exit(), ${seconds} * 1000);`,
  );

export function weights(site: Site, each: Readonly<Record<string, number>>): Promise<string> {
  const body = JSON.stringify({ weights: each });
  return shell(site, "nginx", `curl -sS --fail-with-body -m 10 -X PATCH --data '${body}' ${CONTROL}`);
}

/** All servers at the same. */
export function evenly(site: Site, weight: number): Promise<string> {
  return weights(site, Object.fromEntries(API.map((server) => [server, weight])));
}

export const hanging = (service: string, what: string, ...alerts: string[]): Fault => ({
  what,
  alerts,
  begin: hangs(service),
});

export const slow = (
  services: readonly string[],
  cpus: number,
  what: string,
  ...alerts: string[]
): Fault => ({
  what,
  alerts,
  async begin(site, undo) {
    for (const service of services) await hasCpu(service, cpus)(site, undo);
  },
});

export const dying = (service: string, alert: string, seconds?: number): Fault => ({
  what: `${service} dies four times`,
  alerts: [alert],
  begin: diesOften(service, seconds),
});

export const SESSIONS = "redis-sessions";

/** A megabyte at a time, up to so many of a hundred parts of what it may hold. */
export function fillSessions(site: Site, share: number): Promise<string> {
  const megabyte = `for n = 1, 10 do redis.call("set", "filler:" .. ARGV[1] .. ":" .. n, string.rep("x", 100000)) end`;
  return shell(
    site,
    SESSIONS,
    withRedis(`n=0
      figure() { cli info memory | sed -n "s/^$1:\\([0-9]*\\).*/\\1/p"; }
      while [ $(($(figure used_memory) * 100)) -lt $(($(figure maxmemory) * ${share})) ]; do
        n=$((n + 1))
        [ "$n" -lt 500 ] && cli eval '${megabyte}' 0 "$n" >/dev/null || exit 1
      done`),
  );
}

export function emptySessions(site: Site): Promise<string> {
  const all = `for _, key in ipairs(redis.call("keys", "filler:*")) do redis.call("unlink", key) end`;
  return shell(site, SESSIONS, withRedis(`cli eval '${all}' 0`));
}
