/** Timing for benches: medians of rounds, with the quartiles beside them so that noise is seen. */
export type Timing = { median: number; low: number; high: number; rounds: number };

export async function time(rounds: number, action: () => unknown): Promise<Timing> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await action();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] as number;
  return { median: at(0.5), low: at(0.25), high: at(0.75), rounds };
}

export function show({ median, low, high, rounds }: Timing): string {
  return `${median.toFixed(1)} ms (${low.toFixed(1)}–${high.toFixed(1)}, ${rounds} rounds)`;
}

export function row(what: string, ...cells: string[]): void {
  console.log([what.padEnd(44), ...cells].join("  "));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
