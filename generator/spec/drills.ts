/** How old the last drill of each kind may be: the alert, the checklist and `plimsoll drill` say the same. */
import type { Core, EnvironmentKind } from "./core.ts";

export const drillKinds = ["restore", "failover", "disaster"] as const;
export type DrillKind = (typeof drillKinds)[number];

const DAY = 86_400;

/** Seconds; undefined where none is due. @param replica whether there is one that could take over */
export function drillEvery(
  kind: DrillKind,
  { drills }: Pick<Core, "drills">,
  environment: EnvironmentKind,
  replica: boolean,
): number | undefined {
  if (kind === "failover" && !replica) return undefined;
  const unsaid = environment === "production" ? 90 * DAY : false;
  const every = kind === "failover" ? (drills.failover ?? unsaid) : drills[kind];
  return every === false ? undefined : every;
}

/** The recording rule that DrillOverdue compares with. One that is due today may be held tomorrow. */
export function drillThreshold(kind: DrillKind, every: number | undefined) {
  if (every === undefined) return [];
  return [
    {
      record: "plimsoll:threshold:drill_age_seconds",
      labels: { kind },
      value: every + DAY,
      because: `drills.${kind} (${every / DAY} days), and a day to hold it`,
    },
  ];
}
