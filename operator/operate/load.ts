/** What Docker's statistics say of CPU and memory. */

type CpuStats = {
  cpu_usage: { total_usage: number; percpu_usage?: readonly number[] };
  system_cpu_usage?: number;
  online_cpus?: number;
};

/** The part of `GET /containers/ID/stats` that is read. */
export type Stats = {
  cpu_stats: CpuStats;
  precpu_stats?: CpuStats;
  memory_stats: { usage?: number; stats?: Readonly<Record<string, number>> };
};

/** Cores in use between the two readings. */
export function cpuOf({ cpu_stats, precpu_stats }: Stats): number {
  const used = cpu_stats.cpu_usage.total_usage - (precpu_stats?.cpu_usage.total_usage ?? 0);
  const whole = (cpu_stats.system_cpu_usage ?? 0) - (precpu_stats?.system_cpu_usage ?? 0);
  const cores = cpu_stats.online_cpus || cpu_stats.cpu_usage.percpu_usage?.length || 1;
  return used > 0 && whole > 0 ? Number(((used / whole) * cores).toFixed(3)) : 0;
}

/** Bytes without the page cache that the kernel can take back, as `docker stats` counts them. */
export function memoryOf({ memory_stats: { usage = 0, stats = {} } }: Stats): number {
  const cache = stats.total_inactive_file ?? stats.inactive_file ?? 0;
  return cache < usage ? usage - cache : usage;
}
