/** SIGKILL for a process and all its children, some of which are no more of its group. */
import { readFile } from "node:fs/promises";

export async function killTree(pid: number): Promise<void> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
  for (const child of children.split(" ").filter(Boolean)) await killTree(Number(child));
}
