/** The stack as a Mermaid flowchart, drawn from the plan: who calls whom, what is kept, what is watched. */
import type { Plan, PlannedService } from "../plan/plan.ts";
import { type Edge, edgesOf, readsOthers } from "./mermaid-edges.ts";
import { groupBy, joinNames } from "./units.ts";

/** Networks in the order a request passes them; a service stands with the first it names. Backups stand apart. */
const ROOMS: readonly { network: string; title: string }[] = [
  { network: "edge", title: "edge" },
  { network: "app", title: "application" },
  { network: "data", title: "data" },
  { network: "monitoring", title: "monitoring" },
  { network: "backups", title: "backups" },
  { network: "logging", title: "logging" },
];

export type Unit = { id: string; label: string; room: string; services: readonly string[] };

/** Exporters of metrics are one box: five more would hide the rest. */
export const EXPORTERS = "exporters";

/** @param direction TB or LR, as Mermaid has them */
export function mermaid(plan: Plan, direction: "TB" | "LR" = "LR"): string {
  const units = unitsOf(plan);
  const edges = edgesOf(plan, units);
  const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const rooms = [...groupBy(units, ({ room }) => room)].sort(([a], [b]) => roomIndex(a) - roomIndex(b));
  const lines = [
    `flowchart ${direction}`,
    ...(used.has("internet") ? ['  internet(["internet"])'] : []),
    ...(used.has("you") ? ['  you(["you, through SSH"])'] : []),
    ...rooms.flatMap(([room, members]) => [
      `  subgraph ${room}["${ROOMS[roomIndex(room)]?.title ?? room}"]`,
      ...members.map((unit) => `    ${nodeOf(unit, plan)}`),
      "  end",
    ]),
    ...(used.has("logs") ? ['  logs[/"the logs of every container"/]'] : []),
    ...edges.map(lineOf),
  ];
  return `${lines.join("\n")}\n`;
}

function roomIndex(room: string): number {
  const index = ROOMS.findIndex(({ network }) => network === room);
  return index < 0 ? ROOMS.length : index;
}

/** What has a volume of its own is drawn as a store, everything else as a box. */
function nodeOf({ id, label, services }: Unit, plan: Plan): string {
  const keeps = plan.budget.lines.some(
    ({ name, disk }) => services.includes(name) && Object.values(disk).some((bytes) => bytes > 0),
  );
  const store =
    keeps &&
    id !== EXPORTERS &&
    !services.some((name) => (plan.services[name]?.compose.ports ?? []).length > 0);
  return store ? `${id}[("${label}")]` : `${id}["${label}"]`;
}

const ARROWS = { asked: "==>", used: "-->", copied: "-.->" } as const;

function lineOf({ from, to, label, kind }: Edge): string {
  const arrow = ARROWS[kind];
  return label ? `  ${from} ${arrow}|"${label}"| ${to}` : `  ${from} ${arrow} ${to}`;
}

/** Services drawn as one: numbered ones of a kind, and the exporters. Jobs that end are left out. */
function unitsOf(plan: Plan): Unit[] {
  const running = Object.entries(plan.services).filter(
    ([, { oneShot, compose }]) => !oneShot && !compose.profiles,
  );
  // What speaks to nobody hands its figures to one of them.
  const exporters = running
    .filter(([name, { compose }]) => name.endsWith("-exporter") || compose.network_mode === "none")
    .map(([name]) => name);
  const rest = running.filter(([name]) => !exporters.includes(name));
  const kinds = groupBy(
    rest,
    ([name, { component }]) => `${component} ${name.replace(/-\d+$/, "")} ${/-\d+$/.test(name)}`,
  );
  const units = [...kinds.values()].map((members): Unit => {
    const services = members.map(([name]) => name);
    return {
      id: idOf(joinNames(services)),
      label: joinNames(services),
      room: homeOf(plan, members),
      services,
    };
  });
  if (exporters.length === 0) return units;
  const names = exporters.map((name) => name.replace(/-exporter$/, "")).join(", ");
  return [
    ...units,
    { id: EXPORTERS, label: `exporters:<br/>${names}`, room: "monitoring", services: exporters },
  ];
}

function homeOf(plan: Plan, members: readonly (readonly [string, PlannedService])[]): string {
  const [name, service] = members[0] as (typeof members)[number];
  return readsOthers(plan, name) ? "backups" : (Object.keys(service.compose.networks)[0] ?? "monitoring");
}

/** Mermaid reads `end`, `x` and `o` at the wrong place as syntax: every id ends in an underscore. */
function idOf(label: string): string {
  return `${label.replace(/[^A-Za-z0-9]+/g, "_")}_`;
}

const BEGIN = "<!-- stack:begin -->";
const END = "<!-- stack:end -->";

/** A README with the picture between its markers; as it is where it has none. */
export function withPicture(readme: string, picture: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) return readme;
  return `${readme.slice(0, begin + BEGIN.length)}\n\`\`\`mermaid\n${picture}\`\`\`\n${readme.slice(end)}`;
}
