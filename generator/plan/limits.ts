/** The limits that a person writes into a Compose service, and what the budget asks of them. */
import { describeValue, valueAt } from "../spec/faults.ts";
import { Size } from "../spec/words.ts";
import type { Report } from "./host-owners.ts";

const DEPLOYED = ["deploy", "resources", "limits", "memory"];

/** Bytes of one container, and how many of it run. */
export function limitsOf(service: Readonly<Record<string, unknown>>): { memory: number; count: number } {
  const memory = bytesOf(service.mem_limit ?? valueAt(service, DEPLOYED));
  const count = Number(service.scale ?? valueAt(service, ["deploy", "replicas"]) ?? 1);
  return { memory, count };
}

export function reportLimits(
  service: Readonly<Record<string, unknown>>,
  isNew: boolean,
  report: Report,
): void {
  const deployed = valueAt(service, DEPLOYED);
  if (!isNew && deployed !== undefined)
    report(DEPLOYED, "cannot stand beside mem_limit, which every service has", "Say it as mem_limit.");
  if (isNew && service.mem_limit === undefined && deployed === undefined)
    report([], "is a new service without mem_limit", "Say how much it may use: the budget has to add up.");
  for (const [path, value] of [
    [["mem_limit"], service.mem_limit],
    [["memswap_limit"], service.memswap_limit],
    [DEPLOYED, deployed],
  ] as const) {
    if (value !== undefined && !(bytesOf(value) > 0))
      report(path, `expected a size such as 512MB, found ${describeValue(value)}`);
  }
  for (const path of [["scale"], ["deploy", "replicas"]]) {
    const value = valueAt(service, path);
    if (value !== undefined && !(Number.isInteger(value) && (value as number) >= 0))
      report(path, `expected a whole number, found ${describeValue(value)}`);
  }
  const pids = service.pids_limit;
  if (pids !== undefined && !(Number.isInteger(pids) && (pids as number) > 0))
    report(["pids_limit"], `expected a number of processes, found ${describeValue(pids)}`);
}

/** Bytes of a limit as Compose takes it: a number, `512m`, `1g`, `512MB`. Zero where it is none. */
function bytesOf(limit: unknown): number {
  if (typeof limit === "number") return limit;
  if (typeof limit !== "string") return 0;
  if (/^\d+$/.test(limit)) return Number(limit);
  const parsed = Size.safeParse(limit.toUpperCase().replace(/^([\d.]+) ?([KMGT]?)B?$/, "$1$2B"));
  return parsed.success ? parsed.data : 0;
}
