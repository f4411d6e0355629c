/** Images that a stack takes from registries, by tag: what `plimsoll pin` resolves. */
import { buildOf, type Plan } from "../plan/plan.ts";
import { basesOf } from "../render/bases.ts";
import { renderFile } from "../render/files.ts";
import type { Spec } from "../spec/load.ts";

/** The projects' own images, and what ours are built upon. The user's changes with every release: no matter of a pin. */
export function registryImages(plan: Plan, spec: Pick<Spec, "options">): string[] {
  const own = new Set(
    [...spec.options.values()].map((options) => (options as { image?: unknown } | undefined)?.image),
  );
  const named = Object.values(plan.services).flatMap(({ image, component }) => {
    if ("context" in image) return [];
    const build = buildOf(image, "official");
    if (build === undefined) return own.has(image.official) ? [] : [image.official as string];
    return build.files
      .filter(({ path }) => path === "Dockerfile")
      .flatMap((file) => renderFile(file, component))
      .flatMap(({ text }) => basesOf(text));
  });
  return [...new Set(named)].filter((image) => !image.includes("@")).sort();
}
