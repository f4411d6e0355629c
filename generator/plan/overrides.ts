/**
 * overrides.yaml: a Compose file merged last, by the rules Compose itself merges files with, and checked again.
 * Source: https://docs.docker.com/reference/compose-file/merge/
 */

import type { YamlFile } from "../spec/document.ts";
import type { Fault } from "../spec/fault.ts";
import { InputError } from "../spec/fault.ts";
import { describeValue } from "../spec/faults.ts";
import { isMap } from "../spec/merge.ts";
import { nearest } from "../spec/nearest.ts";
import { Size } from "../spec/words.ts";
import type { Budget } from "./budget.ts";

/** Lists that Compose replaces; all others are appended to. */
const REPLACED = new Set(["command", "entrypoint", "test"]);
/** Lists whose entries Compose tells apart by one of their keys. */
const KEYED: Record<string, string> = {
  volumes: "target",
  ports: "target",
  secrets: "target",
  configs: "target",
};
const TOP_LEVEL = ["services", "networks", "volumes", "secrets", "configs"];

type Words = Record<string, unknown>;

/** @throws InputError where the file is no Compose file, or breaks what the budget or the hardening promise */
export function applyOverrides(compose: Words, yaml: YamlFile, budget: Budget): Words {
  const faults: Fault[] = [];
  const fault = (path: readonly (string | number)[], message: string, remedy?: string) =>
    faults.push({ file: yaml.file, ...yaml.place(path), path: path.join("."), message, remedy });
  const over = yaml.value ?? {};
  if (!isMap(over)) {
    fault([], `expected a Compose file, found ${describeValue(over)}`);
    throw new InputError(faults);
  }
  for (const key of Object.keys(over)) {
    if (key.startsWith("x-") || TOP_LEVEL.includes(key)) continue;
    const near = nearest(key, TOP_LEVEL);
    fault(
      [key],
      `cannot be overridden${near ? `; did you mean ${near}?` : ""}`,
      `Known: ${TOP_LEVEL.join(", ")}.`,
    );
  }
  const services = over.services ?? {};
  if (!isMap(services)) fault(["services"], `expected a map of services, found ${describeValue(services)}`);
  else {
    const known = compose.services as Record<string, Words>;
    for (const [name, service] of Object.entries(services)) {
      const path = ["services", name];
      if (!isMap(service)) fault(path, `expected a map, found ${describeValue(service)}`);
      else
        checkService(name, service, Object.keys(known), (inner, ...rest) =>
          fault([...path, ...inner], ...rest),
        );
    }
  }
  if (faults.length > 0) throw new InputError(faults);
  const merged = mergeCompose(compose, withoutSwap(over)) as Words;
  const limit = budget.machine.memory - budget.memory.host;
  const sum = Object.values(merged.services as Record<string, Words>)
    .map((service) => bytesOf(service.mem_limit))
    .reduce((total, bytes) => total + bytes, 0);
  if (sum > limit) {
    fault(
      ["services"],
      `raises the memory limits to ${Math.round(sum / 1024 ** 2)} MB; ${Math.round(limit / 1024 ** 2)} MB is there`,
      "Lower another service's mem_limit, or choose a larger machine.",
    );
    throw new InputError(faults);
  }
  return merged;
}

/** A memory limit that is changed alone would leave the old sum of memory and swap: no swap stays no swap. */
function withoutSwap(over: Words): Words {
  if (!isMap(over.services)) return over;
  const services = Object.entries(over.services).map(([name, service]): [string, unknown] => {
    const alone = isMap(service) && service.mem_limit !== undefined && service.memswap_limit === undefined;
    return [name, alone ? { ...service, memswap_limit: service.mem_limit } : service];
  });
  return { ...over, services: Object.fromEntries(services) };
}

type Report = (path: readonly string[], message: string, remedy?: string) => void;

function checkService(name: string, service: Words, known: readonly string[], report: Report): void {
  if (!known.includes(name)) {
    const near = nearest(name, known);
    if (near !== undefined && service.image === undefined) {
      report([], `is not a service of this stack; did you mean ${near}?`);
      return;
    }
    if (service.image === undefined && service.build === undefined) {
      report([], "is a new service without an image", "Give it image: and mem_limit:.");
      return;
    }
    if (service.mem_limit === undefined) {
      report([], "is a new service without mem_limit", "Say how much it may use: the budget has to add up.");
    }
  }
  if (service.mem_limit !== undefined && bytesOf(service.mem_limit) === 0) {
    report(["mem_limit"], `expected a size such as 512MB, found ${describeValue(service.mem_limit)}`);
  }
  if (service.privileged === true) report(["privileged"], "is refused: a privileged container owns the host");
  const mounts = Array.isArray(service.volumes) ? service.volumes : [];
  for (const [index, mount] of mounts.entries()) {
    if (!JSON.stringify(mount).includes("docker.sock")) continue;
    report(["volumes", String(index)], "is refused: who holds Docker's socket owns the host");
  }
}

/** Bytes of a mem_limit as Compose takes it: a number, `512m`, `1g`, `512MB`. Zero where it is none. */
function bytesOf(limit: unknown): number {
  if (typeof limit === "number") return limit;
  if (typeof limit !== "string") return 0;
  if (/^\d+$/.test(limit)) return Number(limit);
  const parsed = Size.safeParse(limit.toUpperCase().replace(/^([\d.]+) ?([KMGT]?)B?$/, "$1$2B"));
  return parsed.success ? parsed.data : 0;
}

export function mergeCompose(base: unknown, over: unknown, key = ""): unknown {
  if (over === undefined || over === null) return base;
  if (isMap(base) && isMap(over)) {
    const merged: Words = { ...base };
    for (const [name, value] of Object.entries(over)) merged[name] = mergeCompose(merged[name], value, name);
    return merged;
  }
  if (Array.isArray(base) && Array.isArray(over) && !REPLACED.has(key)) {
    const by = KEYED[key];
    const same = (a: unknown, b: unknown) =>
      by !== undefined && isMap(a) && isMap(b) ? a[by] === b[by] : JSON.stringify(a) === JSON.stringify(b);
    return [...base.filter((entry) => !over.some((other) => same(entry, other))), ...over];
  }
  return over;
}
