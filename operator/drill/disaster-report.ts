/** What a disaster drill measured, out of what the engine and the scripts said. */
import type { EngineEvent } from "../release/follow.ts";
import type { DrillReport, Risk } from "./report.ts";

type Step = DrillReport["steps"][number];

/** Steps of the engine, and what of the seeding goes with the data. Seconds by the host's clock. */
export function engineSteps(events: readonly EngineEvent[]): Step[] {
  return events.flatMap((event, index): Step[] => {
    const { step, state, seconds } = event;
    if (state !== "done" || seconds === undefined || step === "end") return [];
    if (step !== "seed") return [{ name: step, seconds, rto: true }];
    return seeding(events.slice(0, index + 1));
  });
}

/** Those of one name as one, where it stands first; to the millisecond. */
export function summed(steps: readonly Step[]): Step[] {
  return [...new Set(steps.map(({ name }) => name))].map((name) => {
    const all = steps.filter((step) => step.name === name);
    const seconds = all.reduce((sum, step) => sum + step.seconds, 0);
    return { name, seconds: Math.round(seconds * 1000) / 1000, rto: all.some(({ rto }) => rto) };
  });
}

/** By the words of recover.bash and seed.bash. */
const MARKS = [
  { after: /: restoring the newest backup/, name: "restore" },
  { after: /the archive is replayed to its end$/, name: "recovery" },
  { after: /: (the last transaction was|no transaction was) committed/, name: "volumes of files" },
];

function seeding(until: readonly EngineEvent[]): Step[] {
  const from = until.findLastIndex(({ step, state }) => step === "seed" && state === "begin");
  const marks = [{ name: "containers", at: until[from]?.at ?? "" }];
  for (const { state, text, at } of until.slice(from)) {
    const mark = state === "note" ? MARKS.find(({ after }) => after.test(text)) : undefined;
    if (mark && !marks.some(({ name }) => name === mark.name)) marks.push({ name: mark.name, at });
  }
  const end = until.at(-1)?.at ?? "";
  return marks.map(({ name, at }, index) => ({
    name,
    seconds: Math.max(0, (Date.parse(marks[index + 1]?.at ?? end) - Date.parse(at)) / 1000),
    rto: true,
  }));
}

export type Known = {
  /** Milliseconds of the epoch. */
  began: number;
  /** Of production, before the drill; undefined where it could not be asked. */
  risk: Risk | undefined;
  /** Seconds of the epoch: commit of the last transaction in the drill's database; undefined where the backup was the end. */
  reached: number | undefined;
  /** When the backup was finished, and when the newest segment came into the bucket. */
  finished: number;
  archived: number | undefined;
};

/** Seconds that would have been lost, and by what it is known. */
export function lossOf({ began, risk, reached, finished, archived }: Known): {
  rpo: number;
  note: string;
  fault?: string;
} {
  const end = reached ?? finished;
  if (risk) {
    // Microseconds become a number of seconds on both sides.
    const short = risk.saved !== null && end < risk.saved - 0.01;
    return {
      rpo: short ? Math.max(0, began / 1000 - end) : risk.seconds,
      note: "The RPO was asked of production before the drill: from the first commit that was on its host alone.",
      ...(short && {
        fault: `the database ends ${(risk.saved as number) - end} s before what the repository had when the drill began`,
      }),
    };
  }
  const by = archived !== undefined && archived > end ? "newest segment of the log" : "last transaction";
  return {
    rpo: Math.max(0, began / 1000 - Math.max(end, archived ?? 0)),
    note: `Production could not be asked: the RPO is counted from the ${by} to the drill's begin, and is too long where nothing was written since.`,
  };
}

/** `door 200` and `cut NAME yes|no`, of door.bash. */
export function parseDoor(stdout: string): {
  status: number;
  checks: DrillReport["checks"];
  unknown: boolean;
} {
  const cuts = [...stdout.matchAll(/^cut (\S+) (yes|no)$/gm)].map(([, name, shut]) => ({
    name: name as string,
    shut: shut === "yes",
  }));
  const host = cuts.find(({ name }) => name === "host");
  // Where the host itself gets nowhere, a way that is shut looks like one that is open.
  const unknown = host === undefined || host.shut;
  return {
    status: Number(/^door (\d+)$/m.exec(stdout)?.[1] ?? 0),
    unknown,
    checks: unknown
      ? []
      : cuts
          .filter(({ name }) => name !== "host")
          .map(({ name, shut }) => ({
            name: `no way out of ${name}`,
            passed: shut,
            said: shut ? "nothing answers" : "THE BUCKET IS REACHED",
          })),
  };
}
