/** The plan's budget as a table: services grouped by component, the largest first, against what the machine may carry. */
import type { Setting } from "../components/component.ts";
import type { Line } from "../plan/budget.ts";
import type { Plan } from "../plan/plan.ts";
import { groupBy, joinNames } from "./units.ts";

export type BudgetRow = {
  service: string;
  component: string;
  /** Set where no service runs with it all the time: why it is kept free. */
  reserve?: string;
  /** Bytes. */
  memory: number;
  /** Cores it may use at most. */
  cpus: number;
  /** Share of the processor while all want it, 0 to 1. */
  cpu_share: number;
  pids: number;
  /** Bytes by volume. */
  disk: Record<string, number>;
};

export type BudgetGroup = { component: string; memory: number; disk: number; rows: readonly BudgetRow[] };

export type BudgetReport = {
  stack: string;
  environment: string;
  machine: Plan["budget"]["machine"];
  /** Bytes. `line`: what may be loaded. `loaded`: what is, reserves among it. */
  memory: { total: number; host: number; line: number; loaded: number };
  disk: { total: number; host: number; line: number; loaded: number };
  groups: readonly BudgetGroup[];
  reserves: readonly BudgetRow[];
  settings: readonly (Omit<Setting, "service"> & { services: readonly string[] })[];
  absent: Plan["absent"];
};

export function budgetReport(plan: Plan): BudgetReport {
  const { budget } = plan;
  // What is kept free runs now and then; the share of a service is what it has when all run that run for good.
  const weights = budget.lines.reduce(
    (sum, line) => sum + (line.reserve === undefined ? line.cpuShares : 0),
    0,
  );
  const rows = budget.lines.map((line) => rowOf(line, weights));
  const running = rows.filter((row) => row.reserve === undefined);
  const groups = [...groupBy(running, (row) => row.component)].map(
    ([component, members]): BudgetGroup => ({
      component,
      memory: members.reduce((sum, row) => sum + row.memory, 0),
      disk: members.reduce((sum, row) => sum + diskOf(row), 0),
      rows: members.sort(largestFirst),
    }),
  );
  const load = ({ total, host, granted }: { total: number; host: number; granted: number }) => ({
    total,
    host,
    line: total - host,
    loaded: granted,
  });
  return {
    stack: plan.name,
    environment: plan.environment,
    machine: budget.machine,
    memory: load(budget.memory),
    disk: load(budget.disk),
    groups: groups.sort((a, b) => b.memory - a.memory || byName(a.component, b.component)),
    reserves: rows.filter((row) => row.reserve !== undefined).sort(largestFirst),
    settings: joinSettings(plan.offers.settings),
    absent: plan.absent,
  };
}

export function diskOf(row: Pick<BudgetRow, "disk">): number {
  return Object.values(row.disk).reduce((sum, bytes) => sum + bytes, 0);
}

function rowOf(line: Line, weights: number): BudgetRow {
  return {
    service: line.name,
    component: line.component,
    ...(line.reserve !== undefined && { reserve: line.reserve }),
    memory: line.memory,
    cpus: line.cpus,
    cpu_share: weights === 0 ? 0 : line.cpuShares / weights,
    pids: line.pids,
    disk: line.disk,
  };
}

function largestFirst(a: BudgetRow, b: BudgetRow): number {
  return b.memory - a.memory || byName(a.service, b.service);
}

/** By code points, and numbers by their size: api-2 before api-10, the same in every locale. */
function byName(a: string, b: string): number {
  const [, stemA, numberA] = /^(.*?)(\d*)$/.exec(a) as RegExpExecArray;
  const [, stemB, numberB] = /^(.*?)(\d*)$/.exec(b) as RegExpExecArray;
  if (stemA !== stemB) return (stemA as string) < (stemB as string) ? -1 : 1;
  return Number(numberA) - Number(numberB);
}

/** The same setting of api-1, api-2 and api-3 is said once. */
function joinSettings(settings: readonly Setting[]): BudgetReport["settings"] {
  const same = groupBy(settings, ({ setting, value, because }) => JSON.stringify([setting, value, because]));
  const joined = [...same.values()].map((members) => {
    const { service: _, ...rest } = members[0] as Setting;
    return { services: members.map(({ service }) => service), ...rest };
  });
  return [...groupBy(joined, ({ services }) => joinNames(services)).values()].flat();
}
