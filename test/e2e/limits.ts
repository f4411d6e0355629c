/** What the engine really enforces on each container, beside what the plan says. */
import { readFile } from "node:fs/promises";
import type { RunningStack } from "./engine.ts";

/** One line for each limit that is not in force; empty where all are. */
export async function compareLimits(stack: RunningStack): Promise<string[]> {
  const wrong: string[] = [];
  const containers = await stack.engine.docker.listContainers({
    filters: { label: [`com.docker.compose.project=${stack.project}`] },
  });
  if (containers.length === 0) return ["no container runs"];
  for (const { Id, Labels } of containers) {
    const service = Labels["com.docker.compose.service"] as string;
    const line = stack.plan.budget.lines.find(({ name }) => name === service);
    const { HostConfig, State, Config } = await stack.engine.docker.getContainer(Id).inspect();
    const check = (what: string, holds: boolean) => {
      if (!holds) wrong.push(`${service}: ${what}`);
    };
    if (!line) {
      wrong.push(`${service} is not in the budget`);
      continue;
    }
    // Root without a right, which the plan gives a reason for.
    const root = stack.plan.services[service]?.exceptions.user !== undefined;
    const borrows = stack.plan.services[service]?.borrows ?? [];
    const lines = [line, ...stack.plan.budget.lines.filter(({ name }) => borrows.includes(name))];
    const sum = (of: (one: { memory: number; pids: number }) => number) =>
      lines.reduce((total, one) => total + of(one), 0);
    const memory = sum((one) => one.memory);
    check("memory limit", HostConfig.Memory === memory && HostConfig.MemorySwap === memory);
    check("CPU limit", HostConfig.NanoCpus === line.cpus * 1e9);
    check("CPU weight", HostConfig.CpuShares === line.cpuShares);
    check("pid limit", HostConfig.PidsLimit === sum((one) => one.pids));
    check("log rotation", HostConfig.LogConfig?.Config["max-size"] === "10m");
    check("no privileges", HostConfig.Privileged === false);
    check("a user", root || /^[1-9]/.test(Config.User));
    // As the kernel has it, seen from outside the container.
    const status = await readFile(`/proc/${State.Pid}/status`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
    check(
      "no capabilities",
      field("CapEff") === "0000000000000000" && field("CapBnd") === "0000000000000000",
    );
    check("no new privileges", field("NoNewPrivs") === "1");
    check("seccomp", field("Seccomp") === "2");
    check("not root", root || field("Uid") !== "0");
    const mounts = await readFile(`/proc/${State.Pid}/mounts`, "utf8");
    const top = mounts.split("\n").find((mount) => mount.split(" ")[1] === "/");
    check("read-only root", /^ro\b/.test(top?.split(" ")[3] ?? ""));
  }
  return wrong;
}
