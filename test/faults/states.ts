/** How every container of a stack is, as the engine has it. */
import type { RunningStack } from "../e2e/engine.ts";

export type State = { id: string; pid: number; restarts: number; well: boolean };

/** By service; without jobs that end. */
export async function states(stack: RunningStack): Promise<Map<string, State>> {
  const containers = await stack.engine.docker.listContainers({
    all: true,
    filters: { label: [`com.docker.compose.project=${stack.project}`] },
  });
  const found = new Map<string, State>();
  for (const { Id, Labels } of containers) {
    const service = Labels["com.docker.compose.service"] as string;
    if (stack.plan.services[service]?.one_shot) continue;
    const { State, RestartCount } = await stack.engine.docker.getContainer(Id).inspect();
    const well = State.Running && (State.Health === undefined || State.Health.Status === "healthy");
    found.set(service, { id: Id, pid: State.Pid, restarts: RestartCount, well });
  }
  return found;
}

export async function unwell(stack: RunningStack): Promise<string[]> {
  return [...(await states(stack))].filter(([, { well }]) => !well).map(([name]) => name);
}
