/** Arrows of the picture, each from a fact of the plan; none is drawn because of a name. */
import type { Plan } from "../plan/plan.ts";
import { EXPORTERS, type Unit } from "./mermaid.ts";

/** `asked`: a request on its way. `used`: one service calls another. `copied`: data that flows without being asked for. */
export type Edge = { from: string; to: string; label?: string; kind: "asked" | "used" | "copied" };

export function edgesOf(plan: Plan, units: readonly Unit[]): Edge[] {
  const unitOf = (service: string) => units.find(({ services }) => services.includes(service))?.id;
  const edges: Edge[] = [
    ...doors(plan, unitOf),
    ...routes(plan, unitOf),
    ...provided(plan, unitOf),
    ...waits(plan, unitOf),
    ...reads(plan, unitOf),
    ...logs(plan, unitOf),
    ...scrapes(plan, unitOf),
  ];
  const roomOf = (id: string) => units.find((unit) => unit.id === id)?.room;
  // Who watches its own neighbours is no news, and several arrows the fewer.
  const telling = edges.filter(
    ({ from, to, kind }) => kind !== "copied" || from === EXPORTERS || roomOf(from) !== roomOf(to),
  );
  return fromRooms(distinct(telling), units);
}

type UnitOf = (service: string) => string | undefined;

function edge(from: string | undefined, to: string | undefined, more: Partial<Edge> = {}): Edge[] {
  return from === undefined || to === undefined || from === to ? [] : [{ from, to, kind: "used", ...more }];
}

/** Ports of the machine: open to all, or on the loopback address only. */
function doors({ services }: Plan, unitOf: UnitOf): Edge[] {
  return Object.entries(services).flatMap(([name, { compose }]) => {
    const local = (compose.ports ?? []).filter(({ host_ip }) => host_ip?.startsWith("127."));
    const open = (compose.ports ?? []).filter((port) => !local.includes(port));
    const label = [...new Set(open.map(({ published }) => published))].join(", ");
    return [
      ...(open.length > 0 ? edge("internet", unitOf(name), { label, kind: "asked" }) : []),
      ...(local.length > 0 ? edge("you", unitOf(name)) : []),
    ];
  });
}

function routes(plan: Plan, unitOf: UnitOf): Edge[] {
  const front = Object.entries(plan.services).filter(
    ([, { compose }]) => "edge" in compose.networks && (compose.ports ?? []).length > 0,
  );
  return front.flatMap(([name]) =>
    plan.offers.routes.flatMap(({ path, servers }) =>
      servers.flatMap(({ service }) =>
        edge(unitOf(name), unitOf(service), { kind: "asked", ...(path !== "/" && { label: path }) }),
      ),
    ),
  );
}

/** What the application is given an address of, and what stands behind that address. */
function provided(plan: Plan, unitOf: UnitOf): Edge[] {
  const { provides, ready } = plan.offers;
  const texts = Object.values(provides).map((text) =>
    [text]
      .flat()
      .map((part) => (typeof part === "string" ? part : "x"))
      .join(""),
  );
  const hosts = [...new Set(texts.flatMap((text) => /:\/\/(?:[^@/]*@)?([a-z0-9-]+)/.exec(text)?.[1] ?? []))];
  const known = hosts.filter((host) => plan.services[host]);
  const users = Object.entries(plan.services).filter(([, service]) =>
    known.some(
      (host) => service.compose.depends_on?.[host] && plan.services[host]?.component !== service.component,
    ),
  );
  const behind = (host: string) =>
    ready.filter(
      (name) => !hosts.includes(name) && plan.services[name]?.component === plan.services[host]?.component,
    );
  return [
    ...users
      .filter(([name]) => plan.components.includes("api") && plan.services[name]?.component === "api")
      .flatMap(([name]) => known.flatMap((host) => edge(unitOf(name), unitOf(host), { kind: "asked" }))),
    ...known.flatMap((host) =>
      behind(host).flatMap((name) => edge(unitOf(host), unitOf(name), { kind: "asked" })),
    ),
  ];
}

/** depends_on of everything but the application, whose own was said above; jobs that end are looked through. */
function waits(plan: Plan, unitOf: UnitOf): Edge[] {
  const through = (name: string): string[] =>
    plan.services[name]?.oneShot
      ? Object.keys(plan.services[name]?.compose.depends_on ?? {}).flatMap(through)
      : [name];
  return Object.entries(plan.services)
    .filter(([name, { component, oneShot }]) => component !== "api" && !oneShot && unitOf(name) !== EXPORTERS)
    .flatMap(([name, { compose }]) =>
      Object.keys(compose.depends_on ?? {})
        .flatMap(through)
        .flatMap((other) => edge(unitOf(name), unitOf(other))),
    );
}

/** A volume that another service mounts to read: that is how backups are taken. */
function reads(plan: Plan, unitOf: UnitOf): Edge[] {
  return Object.keys(plan.services).flatMap((name) =>
    readOwners(plan, name).flatMap((owner) => edge(unitOf(owner), unitOf(name), { kind: "copied" })),
  );
}

export function readsOthers(plan: Plan, service: string): boolean {
  return readOwners(plan, service).some((owner) => owner !== service);
}

function readOwners(plan: Plan, service: string): string[] {
  const mounts = plan.services[service]?.compose.volumes ?? [];
  const read = mounts.flatMap((mount) => (mount.type === "volume" && mount.read_only ? [mount.source] : []));
  return plan.budget.lines.flatMap(({ name, disk }) =>
    read.some((volume) => Object.hasOwn(disk, volume)) ? [name] : [],
  );
}

/** Who reads Docker's own log files. */
function logs(plan: Plan, unitOf: UnitOf): Edge[] {
  return Object.entries(plan.services).flatMap(([name, { compose }]) =>
    (compose.volumes ?? []).some(({ target }) => target.endsWith("/docker/containers"))
      ? edge("logs", unitOf(name))
      : [],
  );
}

function scrapes(plan: Plan, unitOf: UnitOf): Edge[] {
  const scraper = unitOf("prometheus");
  return plan.offers.scrapes.flatMap(({ targets }) =>
    targets.flatMap(({ service }) => edge(unitOf(service), scraper, { kind: "copied", label: "metrics" })),
  );
}

/** One arrow between the same two, whichever way: the one that says most. */
function distinct(edges: readonly Edge[]): Edge[] {
  const kept = new Map<string, Edge>();
  const rank = ({ kind }: Edge) => ["asked", "copied", "used"].indexOf(kind);
  for (const one of [...edges].sort((a, b) => rank(a) - rank(b))) {
    const key = [one.from, one.to].sort().join(" ");
    if (!kept.has(key)) kept.set(key, one);
  }
  return [...kept.values()];
}

/** Where every unit of a room has the same arrow, the room has it: one line instead of five. */
function fromRooms(edges: readonly Edge[], units: readonly Unit[]): Edge[] {
  const rooms = new Map<string, string[]>();
  for (const { id, room } of units) rooms.set(room, [...(rooms.get(room) ?? []), id]);
  const result = [...edges];
  for (const [room, ids] of rooms) {
    if (ids.length < 2) continue;
    for (const end of ["from", "to"] as const) {
      const other = end === "from" ? "to" : "from";
      for (const target of new Set(result.map((one) => one[other]))) {
        const same = result.filter((one) => one[other] === target && ids.includes(one[end]));
        if (same.length < ids.length || ids.includes(target)) continue;
        const at = result.indexOf(same[0] as Edge);
        result.splice(at, 1, { ...(same[0] as Edge), [end]: room });
        for (const one of same.slice(1)) result.splice(result.indexOf(one), 1);
      }
    }
  }
  return result;
}
