/** The engine refuses a CPU limit above what its machine has: said before anything is built, and with the word to change. */
import { Problem } from "../problem.ts";
import type { Project } from "./project.ts";

/** @throws Problem where the plan is for a machine with more cores than the engine's. */
export async function requireCores({ engine, plan }: Pick<Project, "engine" | "plan">): Promise<void> {
  const { NCPU } = (await engine.docker.info()) as { NCPU: number };
  const wanted = Math.max(...plan.budget.lines.map(({ cpus }) => cpus));
  if (NCPU >= wanted) return;
  throw new Problem(
    `this engine has ${NCPU} CPUs, and the plan of ${plan.environment} is for a machine with ${wanted}`,
    `Say which machine this is in stack.yaml: environments.${plan.environment}.machine: { cpus: ${NCPU}, memory: 8GB, disk: 60GB }`,
  );
}
