/** `npm run docs` */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageRoot } from "../package.ts";
import { documents } from "./documents.ts";

for (const [path, text] of await documents()) {
  const place = join(packageRoot, path);
  const before = await readFile(place, "utf8").catch(() => undefined);
  if (before === text) continue;
  await mkdir(dirname(place), { recursive: true });
  await writeFile(place, text);
  console.error(`${path}: written`);
}
