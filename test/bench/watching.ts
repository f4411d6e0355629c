/**
 * What watching costs: `MINUTES=5 RATE=20 npx tsx test/bench/watching.ts`. Memory, CPU and disk a day of everything that
 * only watches, in fkod under a steady load, beside what it may use and beside all else. What has no Debian package is
 * computed from the plan, and said to be.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { produce } from "../../generator/index.ts";
import { MiB } from "../../generator/spec/words.ts";
import { readStackFolder } from "../../generator/stack.ts";
import { memoryOf } from "../../operator/operate/load.ts";
import { engineOrSkip, type RunningStack, startStack } from "../e2e/engine.ts";
import { query } from "../e2e/prometheus.ts";
import { startLoad } from "../faults/load.ts";
import { row } from "./measure.ts";

const minutes = Number(process.env.MINUTES ?? 5);
const rate = Number(process.env.RATE ?? 20);
const WATCHES = /^(prometheus|alertmanager|grafana|containers|.+-exporter|.+-probe)$/;
const LOGS = /^(elasticsearch|logstash|kibana|filebeat)/;
const DAY = 86_400;
/** Prometheus's documentation, "Storage": one to two bytes a sample once blocks are compacted. */
const SAMPLE = 2;

type Use = { memory: number; limit: number /** Seconds of processor since its start. */; cpu: number };

async function usesOf({ engine, project }: RunningStack): Promise<Map<string, Use>> {
  const label = [`com.docker.compose.project=${project}`];
  const containers = await engine.docker.listContainers({ filters: { label } });
  const uses = containers.map(async ({ Id, Labels }) => {
    const stats = await engine.docker.getContainer(Id).stats({ stream: false });
    const use = {
      memory: memoryOf(stats),
      limit: stats.memory_stats.limit,
      cpu: stats.cpu_stats.cpu_usage.total_usage / 1e9,
    };
    return [Labels["com.docker.compose.service"] as string, use] as const;
  });
  return new Map(await Promise.all(uses));
}

async function ask(stack: RunningStack, expression: string): Promise<number> {
  return (await query(stack, expression))[0]?.value ?? Number.NaN;
}

/** Bytes and lines that all containers wrote into their logs since then. */
async function logged(
  { engine, project }: RunningStack,
  since: number,
): Promise<{ bytes: number; lines: number }> {
  const env = { DOCKER_HOST: engine.endpoint };
  const script = `for id in $(docker ps -q --filter label=com.docker.compose.project=${project}); do docker logs --since ${since} "$id" 2>&1; done | wc -lc`;
  const [lines = 0, bytes = 0] = (await execa("bash", ["-c", script], { env })).stdout
    .trim()
    .split(/\s+/)
    .map(Number);
  return { bytes, lines };
}

const mib = (bytes: number) => `${(bytes / MiB).toFixed(0)} MB`;

async function measure(stack: RunningStack): Promise<void> {
  const load = startLoad(stack.ports.nginx as number, stack.plan.domain, rate);
  try {
    await sleep(60_000);
    load.take();
    const began = Date.now();
    const before = await usesOf(stack);
    await sleep(minutes * 60_000);
    const after = await usesOf(stack);
    const seconds = (Date.now() - began) / 1000;
    const { sent } = load.take();
    const log = await logged(stack, Math.floor(began / 1000));
    row(`${rate} requests a second for ${minutes} minutes`, "memory, of its limit", "CPU, of a core");
    const sums = { watch: { memory: 0, cpu: 0 }, rest: { memory: 0, cpu: 0 } };
    for (const [service, use] of [...after].sort(([, one], [, other]) => other.memory - one.memory)) {
      const cpu = (use.cpu - (before.get(service)?.cpu ?? use.cpu)) / seconds;
      const sum = sums[WATCHES.test(service) ? "watch" : "rest"];
      sum.memory += use.memory;
      sum.cpu += cpu;
      if (WATCHES.test(service))
        row(
          `  ${service}`,
          `${mib(use.memory)} of ${mib(use.limit)}, ratio ${(use.memory / use.limit).toFixed(2)}`.padEnd(34),
          `${(cpu * 100).toFixed(2)}%`,
        );
    }
    const { watch, rest } = sums;
    row("all that watches", mib(watch.memory).padEnd(34), `${(watch.cpu * 100).toFixed(2)}%`);
    row("all that serves", mib(rest.memory).padEnd(34), `${(rest.cpu * 100).toFixed(2)}%`);
    row("ratio", (watch.memory / rest.memory).toFixed(2).padEnd(34), (watch.cpu / rest.cpu).toFixed(2));
    const samples = await ask(stack, "rate(prometheus_tsdb_head_samples_appended_total[5m])");
    const series = await ask(stack, "prometheus_tsdb_head_series");
    const kept = stack.plan.budget.lines.find(({ name }) => name === "prometheus")?.disk.prometheus ?? 0;
    const daily = samples * DAY * SAMPLE;
    row(
      "Prometheus: disk a day",
      `${mib(daily)} computed: ${samples.toFixed(0)} samples a second of ${series} series, ${SAMPLE} bytes each`,
      `${(kept / daily).toFixed(0)} days in its share of ${mib(kept)}`,
    );
    row(
      "logs",
      `${(log.lines / sent).toFixed(2)} lines and ${(log.bytes / sent).toFixed(0)} bytes a request`,
      `${mib((log.bytes / seconds) * DAY)} a day at this rate, before Elasticsearch`,
    );
  } finally {
    await load.stop();
  }
}

/** Nothing of it runs here: what the plan grants it, which is what it can come to use. */
async function compute(): Promise<void> {
  const { plan } = produce(await readStackFolder("stacks/fkod"), "production");
  const lines = plan.budget.lines.filter(({ name }) => LOGS.test(name) || name === "grafana");
  row("granted in production, not run here", "memory", "disk");
  for (const { name, memory, disk } of lines)
    row(`  ${name}`, mib(memory).padEnd(34), mib(Object.values(disk).reduce((all, one) => all + one, 0)));
  const all = lines.reduce((sum, { memory }) => sum + memory, 0);
  row("of the machine's memory", `ratio ${(all / plan.budget.memory.total).toFixed(2)}`);
}

if (await engineOrSkip()) {
  const stack = await startStack({ name: "watching", overrides: { logging: false, "nginx.rate": false } });
  try {
    await measure(stack);
    await compute();
  } finally {
    await stack.stop();
  }
}
