import { expect, it } from "vitest";
import { requireCores } from "./cores.ts";
import type { Project } from "./project.ts";

const project = (NCPU: number) =>
  ({
    engine: { docker: { info: async () => ({ NCPU }) } },
    plan: { environment: "production", budget: { lines: [{ cpus: 4 }, { cpus: 1 }] } },
  }) as unknown as Project;

it("takes an engine with as many cores as the plan wants", async () => {
  await expect(requireCores(project(4))).resolves.toBeUndefined();
});

it("refuses one with fewer, and names the word", async () => {
  await expect(requireCores(project(2))).rejects.toMatchObject({
    message: "this engine has 2 CPUs, and the plan of production is for a machine with 4",
    remedy: expect.stringContaining("environments.production.machine: { cpus: 2"),
  });
});
