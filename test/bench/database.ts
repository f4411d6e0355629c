/**
 * Backup, restore and promotion of PostgreSQL beside their peers, as ratios of one run.
 *   npx tsx test/bench/database.ts
 * ROUNDS=5 of each, taken in turn; SIZES=1,3 (1: some 1.15 GB; the last two give the extrapolation); ONLY=backup,promote.
 */
import { engineOrSkip, withStack } from "../e2e/engine.ts";
import { SMALL } from "../e2e/small.ts";
import { change, fill, sizeOf } from "./database-data.ts";
import { measurePromotion } from "./database-promotion.ts";
import {
  DIFFERENCES,
  FULL,
  makeBase,
  prepare,
  RESTORES,
  type Took,
  timed,
  type Work,
} from "./database-work.ts";
import { median, row } from "./measure.ts";

const rounds = Number(process.env.ROUNDS ?? 5);
const sizes = (process.env.SIZES ?? "1,3").split(",").map(Number);
const only = (process.env.ONLY ?? "backup,promote").split(",");
const GB = 1e9;

/** By key: what each round took. */
type Series = Map<string, Took[]>;

function note(series: Series, { key }: Work, took: Took): void {
  series.set(key, [...(series.get(key) ?? []), took]);
}

const walls = (series: Series, key: string) => (series.get(key) ?? []).map(({ wall }) => wall);
const processor = (series: Series, key: string) => median((series.get(key) ?? []).map(({ cpu }) => cpu));
const spread = (values: readonly number[]) =>
  `${median(values).toFixed(1)} s (${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)})`;

/** Ratio of the medians, and of each round's pair: the pairs were taken within minutes of each other. */
function ratio(series: Series, key: string, peer: string): string {
  const [mine, other] = [walls(series, key), walls(series, peer)];
  const pairs = mine.map((wall, at) => wall / (other[at] as number));
  const best = Math.min(...mine) / Math.min(...other);
  return `${(median(mine) / median(other)).toFixed(2)} (of pairs ${median(pairs).toFixed(2)}, of the best ${best.toFixed(2)})`;
}

function tell(series: Series, works: readonly Work[], peer: string): void {
  for (const { key, what } of works)
    row(
      what.padEnd(64),
      spread(walls(series, key)).padEnd(22),
      `${processor(series, key).toFixed(1)} s CPU`.padEnd(12),
      ratio(series, key, peer),
    );
}

async function measureBackups(): Promise<void> {
  const overrides = { ...SMALL, "postgres.replica": false };
  await withStack({ name: "dbbench", overrides }, async (stack) => {
    const configuration = await stack.exec("backup-postgres", ["cat", "/etc/pgbackrest/pgbackrest.conf"]);
    console.log(configuration.match(/^(repo1-b|compress|process|start|archive-a|\[).*$/gm)?.join("  "));
    const points: { bytes: number; series: Series }[] = [];
    for (const size of sizes) {
      await fill(stack, size);
      const bytes = await sizeOf(stack);
      await prepare(stack);
      const series: Series = new Map();
      for (let round = 0; round < rounds; round++) {
        for (const work of FULL) note(series, work, await timed(stack, work));
        await change(stack, round);
        for (const work of DIFFERENCES) {
          note(series, work, await timed(stack, work));
          await change(stack, round + 50);
        }
      }
      // The newest backup is what restores take: a full one, without a day's log after it.
      for (const work of FULL.slice(0, 1)) await timed(stack, work);
      await makeBase(stack);
      for (let round = 0; round < rounds; round++)
        for (const work of RESTORES)
          note(series, { ...work, key: `r-${work.key}` }, await timed(stack, work));
      points.push({ bytes, series });

      console.log(
        `\n${(bytes / GB).toFixed(2)} GB, a third pgbench and the rest words, jsonb and their indexes; ${rounds} rounds in turn, load ${await load()}`,
      );
      row(
        "backup".padEnd(64),
        "median (least–most)".padEnd(22),
        "".padEnd(12),
        "ratio to pg_basebackup with zstd",
      );
      tell(series, FULL, "basebackup");
      row(
        "after 1% of the rows changed".padEnd(64),
        "".padEnd(22),
        "".padEnd(12),
        "ratio to the full backup",
      );
      tell(series, DIFFERENCES, "full");
      row("restore".padEnd(64), "".padEnd(22), "".padEnd(12), "ratio to cp -a and sync");
      const restores = RESTORES.map((work) => ({ ...work, key: `r-${work.key}` }));
      tell(series, restores.slice(0, 4), "r-copy");
      row(
        "restore until it takes writes".padEnd(64),
        "".padEnd(22),
        "".padEnd(12),
        "ratio to the copy, started",
      );
      tell(series, restores.slice(4), "r-started");
    }
    extrapolate(points);
  });
}

/** A fixed part and one for each GB, from the least of the last two sizes: noise only ever adds. */
function extrapolate(points: readonly { bytes: number; series: Series }[]): void {
  const [small, large] = points.slice(-2);
  if (!small || !large || points.length < 2) return;
  console.log(
    `\nA line through the quickest rounds at ${(small.bytes / GB).toFixed(2)} and ${(large.bytes / GB).toFixed(2)} GB: fixed + GB × slope. Of this machine's disk and processors.`,
  );
  const works = {
    full: "full backup",
    diff: "differential, 1% changed",
    delta: "incremental by checksum, 1% changed",
    "r-restore": "restore",
    "r-recovered": "restore and recovery",
  };
  for (const [key, what] of Object.entries(works)) {
    const [near, far] = [small, large].map(({ series }) => Math.min(...walls(series, key))) as [
      number,
      number,
    ];
    const slope = (far - near) / ((large.bytes - small.bytes) / GB);
    const fixed = near - slope * (small.bytes / GB);
    const at = (gigabytes: number) => `${((fixed + slope * gigabytes) / 60).toFixed(1)} min`;
    row(what, `${fixed.toFixed(1)} s + ${slope.toFixed(2)} s a GB`, `10 GB: ${at(10)}`, `100 GB: ${at(100)}`);
  }
}

async function load(): Promise<string> {
  const { loadavg } = await import("node:os");
  return (loadavg()[0] as number).toFixed(1);
}

if (await engineOrSkip()) {
  if (only.includes("backup")) await measureBackups();
  if (only.includes("promote")) await measurePromotion(rounds);
}
