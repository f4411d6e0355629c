/** The folders that a user's images are built from: said here, since what a failed build says is much less clear. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Produced } from "../generator/index.ts";
import { InputError } from "../generator/spec/fault.ts";
import { display } from "../generator/stack.ts";

/** @throws InputError where a folder is not there, or has no Dockerfile */
export async function requireBuildFolders(stackFolder: string, { plan, spec }: Produced): Promise<void> {
  const files = new Set<string>();
  for (const { image } of Object.values(plan.services)) {
    if ("context" in image) files.add(join(stackFolder, image.context, image.dockerfile ?? "Dockerfile"));
  }
  for (const file of files) {
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) continue;
    throw new InputError([
      spec.fault({
        path: ["api", "build"],
        message: `${display(file)} does not exist`,
        remedy:
          "The folder is seen from stack.yaml; name another Dockerfile with build: { context, dockerfile }.",
      }),
    ]);
  }
}
