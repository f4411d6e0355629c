import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { produce } from "../generator/index.ts";
import { shortest, sourceOf } from "../generator/testing/source.ts";
import { requireBuildFolders } from "./build-folders.ts";

it("names the Dockerfile that is not there, at the word that wants it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-build-"));
  try {
    const stack = shortest.replace("image: ghcr.io/me/hello:1.0.0", "build: ./app");
    const produced = produce(sourceOf(stack), "local");
    await expect(requireBuildFolders(folder, produced)).rejects.toThrow(
      /stack\.yaml:6:3 api\.build: .*app\/Dockerfile does not exist/,
    );
    await mkdir(join(folder, "app"));
    await writeFile(join(folder, "app/Dockerfile"), "FROM scratch\n");
    await expect(requireBuildFolders(folder, produced)).resolves.toBeUndefined();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
