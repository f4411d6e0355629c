/** Cold start to all healthy, and the idle stack's memory beside the sum of the budget. Images are built beforehand. */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOf } from "../../operator/operate/load.ts";
import { engineOrSkip, startStack } from "../e2e/engine.ts";
import { row } from "./measure.ts";

const MiB = 1024 ** 2;

if (await engineOrSkip()) {
  const stack = await startStack({ name: "bench" });
  try {
    const services = Object.keys(stack.plan.services).length;
    const starts: number[] = [];
    for (let round = 0; round < 3; round++) {
      await stack.compose("down", "--volumes");
      const { seconds } = await stack.start();
      starts.push(seconds);
    }
    starts.sort((a, b) => a - b);
    row(
      `${services} services, empty volumes to all healthy`,
      `${starts[1]} s (${starts[0]}–${starts[2]}, 3 rounds)`,
    );

    const started = performance.now();
    await stack.compose("restart", "--timeout", "30");
    row("docker compose restart, for comparison", `${((performance.now() - started) / 1000).toFixed(1)} s`);

    await sleep(60_000);
    const containers = await stack.engine.docker.listContainers({
      filters: { label: [`com.docker.compose.project=${stack.project}`] },
    });
    let used = 0;
    let limits = 0;
    for (const { Id, Labels } of containers) {
      const stats = await stack.engine.docker.getContainer(Id).stats({ stream: false });
      const bytes = memoryOf(stats);
      const limit = stats.memory_stats.limit;
      used += bytes;
      limits += limit;
      row(
        `  ${Labels["com.docker.compose.service"]}`,
        `${(bytes / MiB).toFixed(0)} of ${(limit / MiB).toFixed(0)} MB`,
        `ratio ${(bytes / limit).toFixed(2)}`,
      );
    }
    const { memory } = stack.plan.budget;
    row(
      "idle for a minute, all containers",
      `${(used / MiB).toFixed(0)} MB of ${(limits / MiB).toFixed(0)} MB limits`,
      `ratio ${(used / limits).toFixed(2)}`,
    );
    row(
      "the budget",
      `${(memory.granted / MiB).toFixed(0)} MB granted of ${(memory.total / MiB).toFixed(0)} MB`,
      `ratio ${(memory.granted / memory.total).toFixed(3)}`,
    );
  } finally {
    await stack.stop();
  }
}
