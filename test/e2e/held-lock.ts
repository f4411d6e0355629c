/** A lock of this machine that somebody else holds. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "vitest";
import { eventually } from "./wait.ts";

/** @returns when it is held, what lets it go */
export async function holdLock(file: string): Promise<() => void> {
  const holding = execFile("flock", ["--no-fork", file, "sleep", "600"]);
  await eventually(async () => {
    await expect(promisify(execFile)("flock", ["-n", file, "true"])).rejects.toMatchObject({ code: 1 });
  });
  return () => void holding.kill();
}
