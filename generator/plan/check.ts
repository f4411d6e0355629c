/** Every reference in a plan resolves, no two services want the same port. A fault here that no user wrote is ours. */
import type { Claim } from "../components/component.ts";
import { InputError } from "../spec/fault.ts";
import type { Spec } from "../spec/load.ts";
import { portOf } from "./merge-compose.ts";
import type { Plan } from "./plan.ts";

/**
 * @throws InputError for clashes that words of stack.yaml can cause (ports)
 * @throws Error for references that no component should have made
 */
export function checkPlan(plan: Plan, spec: Spec, claims: readonly Claim[]): void {
  const broken = [...references(plan, claims), ...duplicates(plan)];
  if (broken.length > 0)
    throw new Error(`the plan of ${plan.name} contradicts itself:\n${broken.join("\n")}`);
  checkDisasterSite(spec);
  const jobs = plan.offers.scrapes.map(({ job }) => job);
  const processes = Object.keys(spec.core.processes).filter((name) => twice(jobs).includes(name));
  if (processes.length > 0) {
    const message = "is a name that the stack measures something else by";
    throw new InputError(processes.map((name) => spec.fault({ path: ["processes", name], message })));
  }
  const clashes = portClashes(
    Object.fromEntries(Object.entries(plan.services).map(([name, { compose }]) => [name, compose])),
  );
  if (clashes.length > 0) {
    throw new InputError(
      clashes.map(({ port, services }) =>
        spec.fault({
          path: [],
          message: `${services.join(" and ")} both want port ${port} of the machine`,
          remedy: "Give one of them another: nginx.http, monitoring.grafana.port and the like.",
        }),
      ),
    );
  }
}

/** @throws InputError where the disaster site would not outlive the host, or its record is in another zone */
function checkDisasterSite({ core, fault }: Spec): void {
  const { dr, host, domain } = core;
  if (dr?.host !== undefined && dr.host === host)
    throw new InputError([
      fault({
        path: ["dr", "host"],
        message: `${dr.host} is the host that may be lost`,
        remedy: "Name another, best in another region; or leave it out and name one when it happens.",
      }),
    ]);
  const zone = dr?.dns?.digitalocean;
  if (zone !== undefined && domain !== zone && !domain.endsWith(`.${zone}`))
    throw new InputError([
      fault({
        path: ["dr", "dns", "digitalocean"],
        message: `${domain} is not in the zone ${zone}`,
        remedy: `Expected a zone that ${domain} ends in.`,
      }),
    ]);
}

function references(plan: Plan, claims: readonly Claim[]): string[] {
  const names = new Set(Object.keys(plan.services));
  const secrets = new Set(plan.secrets.map((secret) => secret.name));
  const volumes = new Set(plan.volumes);
  const claimed = new Set(plan.budget.lines.flatMap((line) => Object.keys(line.disk)));
  const folders = new Set(plan.files.map((file) => file.path.split("/")[0] as string));
  const broken: string[] = [];
  for (const [name, { compose, oneShot, exceptions }] of Object.entries(plan.services)) {
    for (const [other, { condition }] of Object.entries(compose.depends_on ?? {})) {
      if (!names.has(other)) broken.push(`${name} depends on ${other}, which does not exist`);
      else if (condition === "service_completed_successfully" && !plan.services[other]?.oneShot) {
        broken.push(`${name} waits for the end of ${other}, which never ends`);
      }
    }
    for (const { source } of compose.secrets ?? []) {
      if (!secrets.has(source)) broken.push(`${name} reads the secret ${source}, which nobody makes`);
    }
    for (const mount of compose.volumes ?? []) {
      if (mount.type === "volume" && !volumes.has(mount.source)) {
        broken.push(`${name} mounts the volume ${mount.source}, which nobody adds`);
      }
      const folder = mount.type === "bind" ? /^\.\/([^/]+)/.exec(mount.source)?.[1] : undefined;
      if (folder !== undefined && !folders.has(folder)) {
        broken.push(`${name} mounts ./${folder}, in which there is no file`);
      }
    }
    if (!compose.healthcheck && !oneShot && !exceptions.healthcheck)
      broken.push(`${name} has no healthcheck`);
  }
  for (const volume of volumes) {
    if (!claimed.has(volume)) broken.push(`the volume ${volume} claimed no disk`);
  }
  for (const line of plan.budget.lines) {
    if (line.reserve === undefined && !names.has(line.name))
      broken.push(`${line.name} claims, and does not exist`);
  }
  const ends = new Set(claims.filter(({ ends }) => ends).map(({ service }) => service));
  for (const [name, { oneShot }] of Object.entries(plan.services))
    if (oneShot !== ends.has(name))
      broken.push(`${name} ${oneShot ? "ends, and does not claim so" : "claims to end"}`);
  const reserves = new Set(
    plan.budget.lines.filter(({ reserve }) => reserve !== undefined).map(({ name }) => name),
  );
  const borrowed = Object.values(plan.services).flatMap(({ borrows = [] }) => borrows);
  for (const name of borrowed) if (!reserves.has(name)) broken.push(`${name} is borrowed, and is no reserve`);
  for (const name of twice(borrowed)) broken.push(`${name} is borrowed twice`);
  for (const file of plan.files) {
    for (const service of file.restarts ?? []) {
      if (!names.has(service)) broken.push(`${file.path} restarts ${service}, which does not exist`);
    }
  }
  return broken;
}

function duplicates(plan: Plan): string[] {
  const files = plan.files.map(({ path }) => path);
  const secrets = plan.secrets.map(({ name }) => name);
  return [
    ...twice(files).map((path) => `the file ${path} exists twice`),
    ...twice(secrets).map((name) => `the secret ${name} exists twice`),
  ];
}

function twice(names: readonly string[]): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index);
}

/** Ports that more than one service publishes, whatever the address: one of them could not start. */
export function portClashes(
  services: Readonly<Record<string, { ports?: unknown }>>,
): { port: string; services: string[] }[] {
  const wanted = new Map<string, Set<string>>();
  for (const [name, { ports }] of Object.entries(services)) {
    for (const entry of Array.isArray(ports) ? ports : []) {
      const { published, protocol = "tcp" } = portOf(entry) ?? {};
      if (!published) continue;
      const key = `${published}/${protocol}`;
      wanted.set(key, (wanted.get(key) ?? new Set()).add(name));
    }
  }
  return [...wanted]
    .filter(([, names]) => names.size > 1)
    .map(([port, names]) => ({ port, services: [...names] }));
}
