/** Plan to files, all of them, in memory. */
import { buildOf, type Plan } from "../plan/plan.ts";
import type { Pins } from "../spec/pins.ts";
import { pinBases } from "./bases.ts";
import { composeFile } from "./compose.ts";
import { type Rendered, renderFile } from "./files.ts";
import { hashFiles } from "./hash.ts";
import { planJson } from "./plan-json.ts";
import { toYaml } from "./yaml.ts";

const COMPOSE_COMMENT = `Written by plimsoll from stack.yaml: change that, or overrides.yaml, and generate again.
Plain Docker Compose: \`docker compose up --wait\` in this folder needs nothing else.`;

/** What overrides.yaml makes of the Compose file; see plan/overrides.ts. */
export type Override = (compose: Record<string, unknown>) => Record<string, unknown>;

export function render(plan: Plan, pins: Pins, override: Override = (compose) => compose): Rendered[] {
  const files = plan.files.flatMap((file) => renderFile(file, file.component));
  const hashes = new Map<string, string>();
  const images: Rendered[] = [];
  // Debian images are for places that no digest can be asked for in.
  const ownPins = plan.images === "official" ? pins : {};
  for (const { component, image } of Object.values(plan.services)) {
    const build = buildOf(image, plan.images);
    if (build === undefined || hashes.has(build.name)) continue;
    const rendered = build.files
      .flatMap((file) => renderFile(file, component))
      .map((file) => (file.path === "Dockerfile" ? { ...file, text: pinBases(file.text, ownPins) } : file));
    hashes.set(build.name, hashFiles(rendered));
    images.push(...rendered.map((file) => ({ ...file, path: `images/${build.name}/${file.path}` })));
  }
  // generated/<environment>/ stands two folders below stack.yaml.
  const compose = override(composeFile(plan, files, hashes, "../..", pins));
  const own = (path: string, text: string): Rendered => ({
    path,
    text,
    executable: false,
    component: "plimsoll",
    restarts: [],
  });
  return [
    own("compose.yaml", toYaml(compose, COMPOSE_COMMENT)),
    own("plan.json", `${JSON.stringify(planJson(plan), null, 2)}\n`),
    ...files,
    ...images,
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
}
