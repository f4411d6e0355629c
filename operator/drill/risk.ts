/** What a loss of the host would lose now: asked of the sidecar before a drill touches anything. */
import { execIn, type Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { Risk } from "./report.ts";

/** @returns why it is not known, where it is not. @throws Problem where the sidecar does not run, or knows no drills */
export async function lookAtRisk(running: Running): Promise<Risk | { unknown: string }> {
  const { environment } = running.site;
  const { exitCode, stdout, stderr } = await execIn(
    running,
    "backup-postgres",
    ["plimsoll-backup", "at-risk"],
    { timeout: 120_000 },
  );
  if (exitCode === 127 || /at-risk.*not found/.test(stderr))
    throw new Problem(
      "the sidecar of backups knows of no drills: an older plimsoll made its image",
      `A deploy brings the newer one: plimsoll deploy ${environment}`,
    );
  if (exitCode !== 0) return { unknown: stderr.trim().split("\n").at(-1) || `exit code ${exitCode}` };
  try {
    return Risk.parse(JSON.parse(stdout));
  } catch {
    return { unknown: `its answer is not understood: ${stdout.slice(0, 100)}` };
  }
}
