/** A lock of this machine that somebody else holds. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { eventually } from "./wait.ts";

/** @returns when it is held, what lets it go; the test's end does, too */
export async function holdLock(file: string): Promise<() => Promise<void>> {
  const isFree = () => promisify(execFile)("flock", ["-n", file, "true"]);
  await isFree();
  const holding = execFile("flock", ["--no-fork", file, "sleep", "600"]);
  const release = async () => {
    if (holding.exitCode === null && holding.signalCode === null && holding.kill())
      await once(holding, "exit");
  };
  onTestFinished(release);
  await eventually(() => expect(isFree()).rejects.toMatchObject({ code: 1 }));
  return release;
}
