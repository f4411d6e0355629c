/**
 * overrides.yaml: a Compose file merged last, by the rules Compose itself merges files with, and checked again.
 *
 * Its texts are Compose's: `${NAME}` is a variable there and `$$` a dollar, unlike in stack.yaml, where a dollar is a
 * dollar. What is checked here must not hang on a variable.
 */
import type { YamlFile } from "../spec/document.ts";
import { type Fault, InputError } from "../spec/fault.ts";
import { describeValue } from "../spec/faults.ts";
import { isMap } from "../spec/merge.ts";
import { nearest } from "../spec/nearest.ts";
import type { Budget } from "./budget.ts";
import { portClashes } from "./check.ts";
import { SERVICE_WORDS } from "./compose-words.ts";
import { type Report, reportHostOwners, reportHostPath } from "./host-owners.ts";
import { limitsOf, reportLimits } from "./limits.ts";
import { mergeCompose } from "./merge-compose.ts";

const TOP_LEVEL = ["services", "networks", "volumes", "secrets", "configs"];

type Words = Record<string, unknown>;

/** @throws InputError where the file is no Compose file, breaks what the budget promises, or gives the host away */
export function applyOverrides(compose: Words, yaml: YamlFile, budget: Budget): Words {
  const faults: Fault[] = [];
  const fault = (path: readonly (string | number)[], message: string, remedy?: string) =>
    faults.push({ file: yaml.file, ...yaml.place(path), path: path.join("."), message, remedy });
  const stop = () => {
    if (faults.length > 0) throw new InputError(faults);
  };
  const over = yaml.value ?? {};
  if (!isMap(over)) {
    fault([], `expected a Compose file, found ${describeValue(over)}`);
    throw new InputError(faults);
  }
  for (const key of Object.keys(over)) {
    if (key.startsWith("x-")) continue;
    const value = over[key] ?? {};
    if (!TOP_LEVEL.includes(key))
      fault([key], `cannot be overridden${hint(key, TOP_LEVEL)}`, `Known: ${TOP_LEVEL.join(", ")}.`);
    else if (!isMap(value)) fault([key], `expected a map, found ${describeValue(value)}`);
    else if (key !== "services")
      reportResources(key, value, (path, ...rest) => fault([key, ...path], ...rest));
  }
  stop();
  const known = compose.services as Record<string, Words>;
  const services = Object.entries((over.services ?? {}) as Words);
  for (const [name, service] of services) {
    const path = ["services", name];
    if (isMap(service))
      checkService(name, service, known, (inner, ...rest) => fault([...path, ...inner], ...rest));
    else fault(path, `expected a map, found ${describeValue(service)}`);
  }
  stop();
  const merged = mergeCompose(compose, over) as { services: Record<string, Words> };
  for (const [name, service] of services as [string, Words][]) {
    // Docker refuses less memory and swap than memory.
    if (service.mem_limit !== undefined && service.memswap_limit === undefined)
      merged.services[name] = { ...merged.services[name], memswap_limit: service.mem_limit };
  }
  // A reserve without a service of its own is in the limits of its borrower, and a person may spend it: what is
  // borrowed now and then counts once.
  const borrowed = budget.lines
    .filter(({ name, reserve }) => reserve !== undefined && !Object.hasOwn(merged.services, name))
    .reduce((total, { memory }) => total + memory, 0);
  const limit = budget.machine.memory - budget.memory.host + borrowed;
  const sum = Object.values(merged.services)
    .map((service) => limitsOf(service).memory * limitsOf(service).count)
    .reduce((total, bytes) => total + bytes, 0);
  if (sum > limit) {
    fault(
      ["services"],
      `raises the memory limits to ${Math.round(sum / 1024 ** 2)} MB; ${Math.round(limit / 1024 ** 2)} MB is there`,
      "Lower another service's mem_limit, or choose a larger machine.",
    );
  }
  for (const { port, services: both } of portClashes(merged.services)) {
    const name = both.findLast((service) => yaml.has(["services", service, "ports"])) ?? "";
    fault(["services", name, "ports"], `${both.join(" and ")} both want port ${port} of the machine`);
  }
  stop();
  return merged;
}

function hint(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

function checkService(name: string, service: Words, known: Record<string, Words>, report: Report): void {
  const isNew = !Object.hasOwn(known, name);
  if (isNew && service.image === undefined && service.build === undefined) {
    const near = hint(name, Object.keys(known));
    if (near) report([], `is not a service of this stack${near}`);
    else report([], "is a new service without an image", "Give it image: and mem_limit:.");
    return;
  }
  for (const word of Object.keys(service)) {
    if (!SERVICE_WORDS.includes(word) && !word.startsWith("x-"))
      report([word], `is not a word of a Compose service${hint(word, SERVICE_WORDS)}`);
  }
  reportLimits(service, isNew, report);
  if (!isNew && service.network_mode !== undefined)
    report(["network_mode"], "cannot stand beside the networks that the service has");
  reportHostOwners(service, report);
}

/** A volume may be a folder of the host under another name, and so may a secret's file. */
function reportResources(kind: string, resources: Words, report: Report): void {
  for (const [name, resource] of Object.entries(resources)) {
    if (!isMap(resource)) continue;
    const options = isMap(resource.driver_opts) ? resource.driver_opts : {};
    reportHostPath([name, "driver_opts", "device"], options.device, false, report);
    if (kind !== "volumes") reportHostPath([name, "file"], resource.file, true, report);
  }
}
