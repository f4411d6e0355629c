/** The failover drill: the replica takes over for real, under a probe, and the old primary comes back as a replica. */
import { setTimeout as sleep } from "node:timers/promises";
import { lookAtDatabase } from "../database/look.ts";
import { judgePromotion, lossText, type Promotion, promote } from "../database/promote.ts";
import { judgeRejoin, rejoin } from "../database/rejoin.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import { engineEnvironment } from "../up/project.ts";
import { concluded, type DrillBasis, type Promised } from "./basis.ts";
import {
  longestSilence,
  type Probe,
  probeRequests,
  probeWrites,
  type Request,
  type Write,
} from "./probes.ts";
import type { DrillReport, Leg } from "./report.ts";
import { drillScript } from "./script.ts";

export type FailoverDrill = {
  promotion: Promotion;
  back: boolean;
  nodes: string[];
  /** For the audit, and for whoever is asked. */
  what: string;
  warning: string;
};

/** @throws Problem where the stack is not whole: a drill is held on a healthy one, nothing else is to be learned */
export async function judgeFailoverDrill(running: Running, back: boolean): Promise<FailoverDrill> {
  const { environment } = running.site;
  const look = await lookAtDatabase(running);
  if (look.unfinished)
    throw new Problem(
      `the promotion of ${look.unfinished.new} did not end`,
      `Finish it first: plimsoll promote ${environment}`,
    );
  const promotion = judgePromotion(look, environment);
  const old = look.nodes.find(({ name }) => name === promotion.old);
  if (old?.role !== "primary")
    throw new Problem(
      `${promotion.old} takes no writes: this is no time for a drill`,
      `plimsoll promote ${environment}`,
    );
  const what = `${promotion.new} takes over from ${promotion.old}, which follows afterwards${back ? ", and back" : ""}`;
  const times = back ? "twice" : "once";
  return {
    promotion,
    back,
    nodes: look.nodes.map(({ name }) => name),
    what,
    warning: [
      `A failover drill on what serves: ${what}.`,
      `Writes stop for some seconds ${times}, and open connections to the database are cut: an application whose pool does not connect anew fails until it is restarted.`,
      "A table of the drill's own (plimsoll_drill) is written to, and dropped.",
    ].join("\n"),
  };
}

type Options = { onLine(line: string): void; signal?: AbortSignal };

/** What both probes run before the first promotion: that all goes well is seen first. */
const STEADY = 3_000;

/** Of a promotion that was refused: the stack is as it was. */
const UNTOUCHED = /nothing was (begun|changed)|^another is at work/;

/** @returns the report, also of a drill that failed. @throws Problem where nothing was begun */
export async function failoverDrill(
  running: Running,
  { promotion, back, nodes }: FailoverDrill,
  promised: Promised,
  { onLine, signal }: Options,
): Promise<DrillReport> {
  const basis: DrillBasis = {
    kind: "failover",
    how: `a promotion of the running stack${back ? ", and one back" : ""}`,
    began: Date.now(),
  };
  const writes = await probeWrites(running, promotion.old).catch((error) => unbegun(running, error));
  const requests = await probeRequests(running);
  const legs: Leg[] = [];
  const faults: string[] = [];
  let refused: Problem | undefined;
  try {
    await sleep(STEADY, undefined, { signal });
    if (!writes.seen.some(({ acknowledged }) => acknowledged))
      throw new Problem(
        "no write was acknowledged before the promotion: nothing was begun",
        `plimsoll ps ${running.site.environment}`,
      );
    for (const turn of back ? [0, 1] : [0]) {
      const leg = await oneLeg(running, turn === 0 ? promotion : undefined, { writes, requests }, onLine);
      legs.push(leg.leg);
      faults.push(...leg.faults);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (legs.length === 0 && UNTOUCHED.test(error.message)) refused = error;
    faults.push([error.message, error.remedy].filter(Boolean).join(" "));
  } finally {
    await Promise.all([writes.stop(), requests?.stop()]);
  }
  if (refused) return unbegun(running, refused);
  const { lost, span } = await lossOf(running, writes.seen, nodes);
  const last = legs.at(-1);
  if (last) last.writes.lost = lost;
  if (lost > 0) faults.push(`${lost} acknowledged write${lost === 1 ? " is" : "s are"} gone`);
  return concluded(running, promised, basis, {
    legs,
    faults,
    rto: legs.length > 0 ? Math.max(...legs.map(({ silence }) => silence)) : null,
    rpo: legs.length > 0 ? span : null,
    notes: [
      "The RTO is the longest time without an acknowledged write, by new connections ten times a second.",
      ...(requests ? [] : ["The edge was not asked: it does not answer, or the stack has none."]),
    ],
  });
}

/** Nothing was done, so nothing was cut short. Another's drill goes on, and its mark stays. */
async function unbegun({ site }: Running, error: unknown): Promise<never> {
  const script = '(flock -n 8 && rm -f -- "$1/drill") 8>>"$1/drill.lock" || true';
  await site.host.script(script, [site.state]).catch(() => undefined);
  throw error;
}

type Probes = { writes: Probe<Write>; requests: Probe<Request> | undefined };

async function oneLeg(
  running: Running,
  first: Promotion | undefined,
  { writes, requests }: Probes,
  onLine: (line: string) => void,
): Promise<{ leg: Leg; faults: string[] }> {
  const { environment } = running.site;
  const look = await lookAtDatabase(running);
  const promotion = judgePromotion(look, environment);
  // Somebody else did it meanwhile.
  if (first && (first.old !== promotion.old || first.new !== promotion.new))
    throw new Problem(`${promotion.old} leads by now: nothing was changed`);
  const from = Date.now();
  const promoted = await promote(running, look, promotion, (line) => {
    const words = line.split(" ");
    if (words[0] === "done") onLine(words.slice(2).join(" ") || (words[1] as string));
  });
  onLine(`${promoted.new} takes the writes, ${promoted.seconds} s after the fence`);
  const rejoining = judgeRejoin(await lookAtDatabase(running), environment, false);
  const rejoined =
    rejoining &&
    (await rejoin(running, rejoining, "-", (line) => {
      if (line.startsWith("note ")) onLine(line.slice("note ".length));
    }));
  const to = Date.now();
  onLine(`${promoted.old} follows, ${((to - from) / 1000).toFixed(1)} s after the begin`);
  // The first writes after it are part of the picture.
  await sleep(1_000);
  const during = <One extends { ended: number }>(all: readonly One[]) =>
    all.filter(({ ended }) => ended >= from && ended <= to);
  const wrote = during(writes.seen);
  const asked = requests && during(requests.seen);
  const ends = (all: readonly { ended: number }[]) => all.map(({ ended }) => ended);
  const lost = promoted.lost ? promoted.lost.transactions : undefined;
  return {
    faults: lost === 0 ? [] : [lossText(promoted)],
    leg: {
      from: promoted.old,
      to: promoted.new,
      promoted: promoted.seconds,
      silence: longestSilence(ends(writes.seen.filter(({ acknowledged }) => acknowledged)), from - 1_000, to),
      writes: {
        acknowledged: wrote.filter(({ acknowledged }) => acknowledged).length,
        refused: wrote.filter(({ acknowledged }) => !acknowledged).length,
        lost: 0,
      },
      requests: asked
        ? {
            asked: asked.length,
            failed: asked.filter(({ ok }) => !ok).length,
            silence: longestSilence(ends((requests?.seen ?? []).filter(({ ok }) => ok)), from - 1_000, to),
          }
        : null,
      rejoined: rejoined?.way ?? "streaming",
      whole: (to - from) / 1000,
    },
  };
}

/** Acknowledged writes that the writer or a replica does not hold, and the seconds from the first of them to the last. */
async function lossOf({ site, project }: Running, seen: readonly Write[], nodes: readonly string[]) {
  const look = await lookAtDatabase({ site, project, containers: [] });
  const outcome = await site.host.script(
    drillScript("written"),
    [project.name, look.pointer ?? "-", ...nodes],
    { environment: engineEnvironment(project) },
  );
  const { stdout } = requireDone(site, outcome, "counting the probe's writes");
  return lostOf(stdout, seen, look.pointer);
}

export function lostOf(said: string, seen: readonly Write[], writer: string | undefined) {
  const held = new Set(
    said
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([key, node]) => key === "rows" && node === writer)
      .flatMap(([, , ...numbers]) => numbers.map(Number)),
  );
  const gone = seen.filter(({ acknowledged, n }) => acknowledged && !held.has(n));
  const ends = gone.map(({ ended }) => ended);
  const all = seen.filter(({ acknowledged }) => acknowledged).map(({ ended }) => ended);
  // From the last that is still there.
  const before = Math.max(...all.filter((at) => at < Math.min(...ends)), Number.NEGATIVE_INFINITY);
  return {
    lost: gone.length,
    span:
      gone.length === 0
        ? 0
        : (Math.max(...ends) - (Number.isFinite(before) ? before : Math.min(...ends))) / 1000,
  };
}
