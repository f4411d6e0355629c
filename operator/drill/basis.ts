/** What every report of a drill has, whatever its kind. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import type { Running } from "../operate/running.ts";
import { whoami } from "../settings/who.ts";
import { DrillReport, drillId, measure, shortcomings } from "./report.ts";

/** Seconds. */
export type Promised = { rto: number; rpo: number };

/** As it was deployed. */
export function promisedBy({ objectives }: Pick<PlanJson, "objectives">): Promised {
  const { rto, rpo } = objectives as Partial<Promised>;
  return { rto: rto ?? 3600, rpo: rpo ?? 3600 };
}

export type DrillBasis = Pick<DrillReport, "kind" | "how"> & {
  /** Milliseconds of the epoch. */
  began: number;
};

/** `rto`, `rpo`: seconds that were measured; null where they could not be. */
export type Findings = Partial<
  Omit<DrillReport, "id" | "kind" | "how" | "began" | "seconds" | "outcome" | "rto" | "rpo">
> & { rto: number | null; rpo: number | null };

export async function concluded(
  { site }: Running,
  promised: Promised,
  basis: DrillBasis,
  found: Findings,
): Promise<DrillReport> {
  const release = (await site.host.read(`${site.state}/current`))?.trim() || null;
  return reportOn(site, promised, basis, { release, ...found });
}

export function reportOn(
  { stack, environment }: Pick<DrillReport, "stack" | "environment">,
  promised: Promised,
  { kind, how, began }: DrillBasis,
  found: Findings,
): DrillReport {
  const report: DrillReport = {
    version: 1,
    id: drillId(kind, began),
    kind,
    how,
    stack,
    environment,
    by: whoami(),
    release: null,
    began: began / 1000,
    seconds: (Date.now() - began) / 1000,
    outcome: "failed",
    versions: {},
    backup: null,
    risk: null,
    reached: null,
    size: null,
    steps: [],
    checks: [],
    tables: [],
    legs: [],
    faults: [],
    notes: [],
    ...found,
    rto: measure(promised.rto, found.rto),
    rpo: measure(promised.rpo, found.rpo),
  };
  // Nothing that the form does not have.
  return DrillReport.parse({
    ...report,
    outcome: shortcomings(report).length === 0 ? "passed" : "failed",
  });
}
