import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { eachInItsFolder, file, listFiles } from "../testing/folder.ts";
import { writeFiles } from "./write.ts";

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return { ...real, rename: vi.fn(real.rename) };
});

const folder = eachInItsFolder();

/** A generate that ends after so many renames, the journal's among them. */
async function cutShort(text: string, after: number): Promise<void> {
  const real = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
  let left = after;
  vi.mocked(rename).mockImplementation(async (from, to) => {
    if (left-- <= 0) throw new Error("cut short");
    await real.rename(from, to);
  });
  const files = [file("a", text), file("b", text), file(`only-${text}`, text)];
  await expect(writeFiles(folder.path, files)).rejects.toThrow("cut short");
  vi.mocked(rename).mockImplementation(real.rename);
}

it.each([0, 1, 2, 3, 4])("finishes what was cut short twice, each after %i renames", async (after) => {
  await writeFiles(folder.path, [file("a", "1"), file("b", "1")]);
  await cutShort("2", after);
  await cutShort("3", after);
  await writeFiles(folder.path, [file("a", "4"), file("b", "4")]);
  expect(await listFiles(folder.path)).toEqual(["a", "b", "manifest.json"]);
  expect(await readFile(join(folder.path, "a"), "utf8")).toBe("4");
});
