/** psql and redis-cli where the servers are, with the stack's own roles. Passwords never leave their container. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { Problem } from "../problem.ts";
import { unknown } from "./names.ts";
import { containerOf, type Running } from "./running.ts";

/** A command for a container: a shell that reads the password from its file, then the client. */
export type Client = { service: string; command: string[] };

/**
 * libpq takes passwords from a file that is its user's alone. It lies in the container's memory and goes with the client.
 * The writer is behind the proxy's first port, whichever node it is; the readers behind its second.
 */
const PSQL = `umask 077
file=$(mktemp /tmp/plimsoll-psql.XXXXXX)
trap 'rm -f -- "$file"' EXIT
password=$(cat /run/secrets/postgres_app_password)
password=\${password//\\\\/\\\\\\\\}
printf '*:*:*:app:%s\\n' "\${password//:/\\\\:}" >"$file"
unset password
port=$1; shift
export PGPASSFILE=$file PGAPPNAME=plimsoll-psql
if [ "$port" = 5433 ]; then export PGOPTIONS='-c default_transaction_read_only=on'; fi
psql -h postgres -p "$port" -U app -d "$PLIMSOLL_DATABASE" "$@"`;

export type PsqlOptions = { read?: boolean; arguments?: readonly string[] };

/** @throws Problem where the stack has no PostgreSQL of its own, or none of its nodes runs */
export function psqlClient(running: Running, { read = false, arguments: more = [] }: PsqlOptions): Client {
  const service = runningNode(running);
  return { service, command: ["bash", "-c", PSQL, "psql", read ? "5433" : "5432", ...more] };
}

/** Any node will do: what it connects to is the proxy's choice. */
function runningNode(running: Running): string {
  const nodes = nodesOf(running.project.plan);
  if (nodes.length === 0) {
    throw new Problem(
      "this stack has no PostgreSQL of its own",
      "Ask the one it uses with its own tools, or: plimsoll run with a client that the image has",
      2,
    );
  }
  const up = nodes.find((node) =>
    running.containers.some(({ service, state }) => service === node && state === "running"),
  );
  return up ?? containerOf(running, nodes[0] as string).service;
}

export function nodesOf({ backups }: Pick<PlanJson, "backups">): string[] {
  return backups.flatMap((backup) => ("cluster" in backup ? backup.cluster.nodes : []));
}

/** In the client's environment, which only its own user in that container can read: redis-cli knows no password file. */
const REDIS = `export REDISCLI_AUTH=$(cat /run/secrets/redis_operator_password)
exec redis-cli --no-auth-warning --user operator "$@"`;

/** @param which `sessions`, `cache`, or a service's name */
export function redisClient(running: Running, which: string, more: readonly string[] = []): Client {
  const stores = Object.keys(running.project.plan.services).filter((name) =>
    /^redis-(?!exporter$)/.test(name),
  );
  if (stores.length === 0) {
    throw new Problem("this stack has no Redis of its own", "Ask the one it uses with its own tools.", 2);
  }
  const service = stores.find((name) => name === which || name === `redis-${which}`);
  if (!service)
    throw unknown(
      "Redis",
      which,
      stores.map((name) => name.replace(/^redis-/, "")),
    );
  return { service, command: ["sh", "-c", REDIS, "redis-cli", ...more] };
}
