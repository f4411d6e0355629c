/**
 * Merges two Compose files by the rules that Compose itself merges files with.
 * Source: https://docs.docker.com/reference/compose-file/merge/
 */
import { isMap } from "../spec/merge.ts";

type Words = Record<string, unknown>;

/** Lists that Compose replaces; all others are appended to. */
const REPLACED = new Set(["command", "entrypoint", "test"]);

/** Words that may be a list of NAME=value, or a map. */
const PAIRS = new Set(["environment", "labels", "annotations", "sysctls", "args", "driver_opts"]);

/** Words that may be one text, or a list. */
const ONE_OR_MORE = new Set(["env_file", "tmpfs", "dns", "dns_search", "label_file"]);

/** What tells the entries of a list apart; entries of all other lists by what they are. */
const KEYS: Record<string, (entry: unknown) => unknown> = {
  volumes: (entry) => (typeof entry === "string" ? shortVolume(entry).target : isMap(entry) && entry.target),
  ports: (entry) => {
    const { host_ip = "0.0.0.0", published, target, protocol = "tcp" } = portOf(entry) ?? {};
    return target === undefined ? entry : `${host_ip}:${published}:${target}/${protocol}`;
  },
  secrets: (entry) => mountedAt(entry, "/run/secrets"),
  configs: (entry) => mountedAt(entry, ""),
};

/** `over` wins; null leaves what was there. */
export function mergeCompose(base: unknown, over: unknown, key = ""): unknown {
  if (over === undefined || over === null) return base === undefined ? over : base;
  const [under, upper] = [longForm(base, key), longForm(over, key)];
  if (isMap(under) && isMap(upper)) {
    // Options of one log driver mean nothing to another.
    if (key === "logging" && upper.driver !== undefined && upper.driver !== under.driver) return upper;
    const merged = new Map(Object.entries(under));
    for (const [name, value] of Object.entries(upper))
      merged.set(name, mergeCompose(merged.get(name), value, name));
    return Object.fromEntries(merged);
  }
  if (Array.isArray(under) && Array.isArray(upper) && !REPLACED.has(key)) {
    const keyOf = KEYS[key] ?? ((entry: unknown) => entry);
    const keys = new Set(upper.map((entry) => JSON.stringify(keyOf(entry))));
    return [...under.filter((entry) => !keys.has(JSON.stringify(keyOf(entry)))), ...upper];
  }
  return upper;
}

function longForm(value: unknown, key: string): unknown {
  if (Array.isArray(value)) {
    const texts = value.map(String);
    if (PAIRS.has(key)) return Object.fromEntries(texts.map(pair));
    if (key === "networks") return Object.fromEntries(texts.map((name) => [name, null]));
    if (key === "depends_on")
      return Object.fromEntries(texts.map((name) => [name, { condition: "service_started" }]));
  }
  if (typeof value === "string") {
    if (ONE_OR_MORE.has(key)) return [value];
    if (key === "build") return { context: value };
  }
  if (isMap(value) && key === "extra_hosts")
    return Object.entries(value).map(([name, to]) => `${name}:${to}`);
  return value;
}

/** A name without a value is taken from the environment of `docker compose`. */
function pair(text: string): [string, string | null] {
  const at = text.indexOf("=");
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

function mountedAt(entry: unknown, folder: string): string {
  const { source, target = source } = isMap(entry) ? entry : { source: entry };
  return String(target).startsWith("/") ? String(target) : `${folder}/${target}`;
}

/** `SOURCE:TARGET[:OPTIONS]`, or a target alone. */
export function shortVolume(text: string): { source?: string; target: string; readOnly: boolean } {
  const [first = "", second, options = ""] = text.split(":");
  if (second === undefined) return { target: first, readOnly: false };
  return { source: first, target: second, readOnly: options.split(",").includes("ro") };
}

/** A port in either form; undefined for a range, and for what is none. */
export function portOf(entry: unknown): Words | undefined {
  if (isMap(entry)) return entry;
  const match = /^(?:(\[[^\]]*\]|\d+(?:\.\d+){3}):)?(?:(\d*):)?(\d+)(?:\/(\w+))?$/.exec(String(entry));
  if (!match) return undefined;
  const [, host_ip, published, target, protocol] = match;
  return { host_ip, published, target: Number(target), protocol };
}
