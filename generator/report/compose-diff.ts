/**
 * What another Compose file does to running containers: which are created, recreated, restarted or left behind.
 * The rules are Compose's own, checked against 2.40.3 and 5.5.0: pkg/compose/{hash,convergence,reconcile}.go of
 * https://github.com/docker/compose. `docker compose up --dry-run` is no way to learn it: it has recreated containers.
 */
import { isMap } from "../spec/merge.ts";

export type Compose = {
  name?: string;
  services?: Record<string, ComposeWords>;
  networks?: Record<string, unknown>;
  volumes?: Record<string, unknown>;
  secrets?: Record<string, unknown>;
};
export type ComposeWords = Record<string, unknown>;

export type KeyChange = { key: string; before?: unknown; after?: unknown };

/** `restart`: stopped and started again, the same container. `remove`: left behind until `--remove-orphans`. */
export type Effect = "create" | "recreate" | "restart" | "remove" | "none";

export type ServiceDiff = {
  service: string;
  kind: "add" | "change" | "remove" | "same";
  keys: readonly KeyChange[];
  /** Changed files that need a restart: what the label's new hash stands for. */
  files: readonly string[];
  effect: Effect;
  why: readonly string[];
};

export type ComposeDiff = {
  /** Those that differ, or whose container is touched; in the order of their names. */
  services: readonly ServiceDiff[];
  /** Project name, networks, volumes, secrets. */
  elsewhere: readonly KeyChange[];
};

/** Keys that Compose leaves out of a service's hash: a change of these alone touches no container. */
const NOT_HASHED = ["build", "pull_policy", "scale", "depends_on", "profiles"];

/** @param filesOf generated files whose change a service carries in its label: what to name instead of a hash */
export function diffCompose(
  before: Compose,
  after: Compose,
  { label, filesOf }: { label: string; filesOf: (service: string) => readonly string[] },
): ComposeDiff {
  const old = before.services ?? {};
  const wanted = after.services ?? {};
  const names = [...new Set([...Object.keys(old), ...Object.keys(wanted)])].sort();
  const elsewhere = [
    ...diffKeys({ name: before.name }, { name: after.name }),
    ...(["networks", "volumes", "secrets"] as const).flatMap((kind) =>
      diffKeys({ [kind]: before[kind] ?? {} }, { [kind]: after[kind] ?? {} }),
    ),
  ];
  const renamed = before.services !== undefined && before.name !== after.name;
  const diffs = new Map<string, ServiceDiff>();
  for (const service of names) {
    const [a, b] = [old[service], wanted[service]];
    const keys = a && b ? diffKeys(a, b) : [];
    const files = keys.some(({ key }) => key === `labels.${label}`) ? filesOf(service) : [];
    const base = { service, keys, files, why: [] };
    // Of a profile: `up` neither starts nor replaces it.
    if ((a ?? b)?.profiles !== undefined) {
      const kind = b === undefined ? "remove" : a === undefined ? "add" : keys.length > 0 ? "change" : "same";
      diffs.set(service, { ...base, kind, effect: "none" });
    } else if (b === undefined) diffs.set(service, { ...base, kind: "remove", effect: "remove" });
    else if (a === undefined) diffs.set(service, { ...base, kind: "add", effect: "create" });
    else {
      const own = reasons(keys, label, files);
      const made = networkReasons(b, elsewhere);
      const [effect, why]: [Effect, readonly string[]] = renamed
        ? ["create", [`the project is now ${after.name}`]]
        : own.length > 0
          ? ["recreate", own]
          : [made.length > 0 ? "restart" : "none", made];
      diffs.set(service, { ...base, kind: keys.length > 0 ? "change" : "same", effect, why });
    }
  }
  spread(diffs, wanted);
  return {
    services: [...diffs.values()].filter(({ kind, effect }) => kind !== "same" || effect !== "none"),
    elsewhere,
  };
}

function reasons(keys: readonly KeyChange[], label: string, files: readonly string[]): string[] {
  const hashed = keys.filter(({ key }) => {
    const first = key.split(".")[0] as string;
    // Both limits are one decision here: no swap.
    const twice = key === "memswap_limit" && keys.some((other) => other.key === "mem_limit");
    return !NOT_HASHED.includes(first) && key !== "deploy.replicas" && !twice;
  });
  return hashed.flatMap(({ key }) => (key === `labels.${label}` && files.length > 0 ? files : [key]));
}

/** A network that is another one now is made anew: its containers are stopped, moved over and started. */
function networkReasons(service: ComposeWords, elsewhere: readonly KeyChange[]): string[] {
  const own = isMap(service.networks) ? Object.keys(service.networks) : [];
  return own
    .filter((network) =>
      elsewhere.some(
        ({ key, before, after }) =>
          key.startsWith(`networks.${network}.`) && (before !== undefined || after !== undefined),
      ),
    )
    .map((network) => `the network ${network} is made anew`);
}

/** Containers that share a namespace or volumes with a recreated one are recreated; those that ask for it restarted. */
function spread(diffs: Map<string, ServiceDiff>, services: Record<string, ComposeWords>): void {
  const recreated = (name: string) => diffs.get(name)?.effect === "recreate";
  for (let again = true; again; ) {
    again = false;
    for (const [name, service] of Object.entries(services)) {
      const diff = diffs.get(name) as ServiceDiff;
      if (diff.effect !== "none") continue;
      const parent = sharedWith(service).find(recreated);
      if (parent === undefined) continue;
      diffs.set(name, {
        ...diff,
        effect: "recreate",
        why: [`shares what belongs to ${parent}, which is recreated`],
      });
      again = true;
    }
  }
  for (const [name, service] of Object.entries(services)) {
    const diff = diffs.get(name) as ServiceDiff;
    if (diff.effect !== "none" || !isMap(service.depends_on)) continue;
    const parent = Object.entries(service.depends_on).find(
      ([other, how]) => recreated(other) && isMap(how) && how.restart === true,
    )?.[0];
    if (parent === undefined) continue;
    diffs.set(name, { ...diff, effect: "restart", why: [`restarts with ${parent}, which is recreated`] });
  }
}

/** Services whose container this one refers to by its id. */
function sharedWith(service: ComposeWords): string[] {
  const modes = [service.network_mode, service.ipc, service.pid].flatMap((mode) =>
    typeof mode === "string" && mode.startsWith("service:") ? [mode.slice("service:".length)] : [],
  );
  const from = Array.isArray(service.volumes_from) ? service.volumes_from.map(String) : [];
  return [
    ...modes,
    ...from.filter((name) => !name.startsWith("container:")).map((name) => name.split(":")[0] as string),
  ];
}

/** Lists whose order says something: compared as one value. */
const ORDERED = new Set(["command", "entrypoint", "test"]);
/** Keys by which the entries of a list are told apart. */
const IDENTITY = ["target", "source", "path"];

/** Every key that differs, with dots between the words of its path. */
export function diffKeys(before: unknown, after: unknown, path: readonly string[] = []): KeyChange[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const a = asMap(before, path.at(-1));
  const b = asMap(after, path.at(-1));
  const emptyOf = (value: unknown) => value === undefined || value === null;
  if ((a && b) || (path.length < 2 && ((a && emptyOf(after)) || (b && emptyOf(before))))) {
    const keys = [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])];
    return keys.flatMap((key) => {
      const inA = a !== undefined && Object.hasOwn(a, key);
      const inB = b !== undefined && Object.hasOwn(b, key);
      if (inA && inB) return diffKeys(a[key], b[key], [...path, key]);
      return [{ key: [...path, key].join("."), ...(inA ? { before: a[key] } : { after: b?.[key] }) }];
    });
  }
  return [
    { key: path.join("."), ...(before !== undefined && { before }), ...(after !== undefined && { after }) },
  ];
}

/** A map as it is; a list as a map of its entries, by what tells them apart. */
function asMap(value: unknown, key = ""): Record<string, unknown> | undefined {
  if (isMap(value)) return value;
  if (!Array.isArray(value) || ORDERED.has(key)) return undefined;
  const entries = value.map((entry): [string, unknown] => {
    if (!isMap(entry)) return [String(entry), entry];
    const by = IDENTITY.find((word) => entry[word] !== undefined);
    return [String(by === undefined ? JSON.stringify(entry) : entry[by]), entry];
  });
  // Two entries that look alike cannot be told apart: then the list is one value.
  const map = Object.fromEntries(entries);
  return Object.keys(map).length === entries.length ? map : undefined;
}
