/**
 * A roll of three servers under load, side by side: what the client lost, and how long it took.
 *   npx tsx test/bench/roll.ts
 * DOCKER_ROLLOUT=path measures docker-rollout too (github.com/wowu/docker-rollout, one shell script).
 * ROUNDS=3 rolls of each; APPS=polite,plain,stubborn; ONLY=compose,one,rollout,ours,cost.
 */

import { startLoad } from "../deploy/load.ts";
import { engineOrSkip } from "../e2e/engine.ts";
import { median, row } from "./measure.ts";
import { type Contender, compose, oneAtATime, ours, rollout } from "./roll-contenders.ts";
import { measureCost } from "./roll-cost.ts";

type Result = {
  requests: number;
  lost: number;
  seconds: number[];
  gap: number;
  kinds: Record<string, number>;
};

const rounds = Number(process.env.ROUNDS ?? 3);
const apps = (process.env.APPS ?? "polite,plain,stubborn").split(",");
const contenders: Contender[] = [ours, oneAtATime, rollout, compose];
const only = process.env.ONLY?.split(",") ?? ["cost", ...contenders.map(({ key }) => key)];
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function measure(contender: Contender, app: string): Promise<Result | string> {
  const stage = await contender.open(app);
  if (typeof stage === "string") return stage;
  const result: Result = { requests: 0, lost: 0, seconds: [], gap: 0, kinds: {} };
  try {
    for (let round = 0; round < rounds; round++) {
      const load = await startLoad({ url: stage.url, host: stage.host });
      await pause(2000);
      const began = performance.now();
      await stage.roll(round);
      result.seconds.push((performance.now() - began) / 1000);
      await pause(3000);
      const counts = await load.stop();
      result.requests += counts.sent;
      result.lost += counts.lost;
      result.gap = Math.max(result.gap, counts.gap);
      for (const [kind, count] of Object.entries(counts.kinds))
        result.kinds[kind] = (result.kinds[kind] ?? 0) + count;
    }
  } finally {
    await stage.close();
  }
  return result;
}

if (await engineOrSkip()) {
  if (only.includes("cost")) await measureCost("polite", rounds);
  row(
    "50 requests a second, one of each 25 takes 1.5 s",
    "lost of requests",
    "seconds",
    "longest gap",
    "what was lost",
  );
  for (const app of apps) {
    let mine: number | undefined;
    for (const contender of contenders.filter(({ key }) => only.includes(key))) {
      const result = await measure(contender, app);
      const what = `${app}: ${contender.name}`;
      if (typeof result === "string") {
        row(what, result);
        continue;
      }
      const seconds = median(result.seconds);
      if (contender === ours) mine = seconds;
      row(
        what,
        `${result.lost} of ${result.requests}`.padEnd(16),
        `${seconds.toFixed(1)} s${mine === undefined ? "" : `, ratio ${(seconds / mine).toFixed(2)}`}`.padEnd(
          20,
        ),
        `${result.gap} ms`.padEnd(11),
        Object.entries(result.kinds)
          .map(([kind, count]) => `${kind}: ${count}`)
          .join(", "),
      );
    }
  }
}
