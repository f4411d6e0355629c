/** Which commit a release is made of, as far as git can say. */
import type { Host } from "../host/host.ts";

export type Commit = { commit?: string; dirty?: boolean; message?: string };

/** Nothing where the folder is in no repository, or git is missing. */
export async function commitOf(here: Host, folder: string): Promise<Commit> {
  const git = (...args: string[]) => here.run("git", ["-C", folder, ...args], { timeout: 5_000 });
  const [head, status] = await Promise.all([
    git("log", "-1", "--format=%H%n%s"),
    git("status", "--porcelain", "--", "."),
  ]);
  if (head.exitCode !== 0) return {};
  const [commit = "", message = ""] = head.stdout.split("\n");
  return { commit, message, dirty: status.stdout.trim() !== "" };
}
