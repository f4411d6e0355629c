import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { components } from "../generator/components/index.ts";
import { planStack } from "../generator/plan/plan.ts";
import { registryImages } from "../generator/report/images.ts";
import { environmentNames } from "../generator/spec/core.ts";
import { loadSpec } from "../generator/spec/load.ts";
import type { Pins } from "../generator/spec/pins.ts";
import { display, readStackFolder } from "../generator/stack.ts";
import { endpointOf } from "../operator/engine/find.ts";
import { localHost } from "../operator/host/local.ts";
import { resolveDigests } from "../operator/pins/digests.ts";
import { collectFaults } from "./collect.ts";
import { ExitError } from "./exit.ts";
import { stackFolders, withStack } from "./stacks.ts";

export function pinCommand(): Command {
  return withStack(new Command("pin"))
    .description("ask for the digests of all official images and keep them in pins.json")
    .option("--check", "write nothing; exit 3 where a digest is another one now")
    .option("--json", "the result as JSON on stdout")
    .action(async (stack: string | undefined, { check, json }: { check?: boolean; json?: boolean }) => {
      const stacks = await collectFaults(await stackFolders(stack), async (folder) => {
        const { yaml, pins } = await readStackFolder(folder);
        const images = environmentNames.flatMap((environment) => {
          const spec = loadSpec(yaml, environment, components, { images: "official" });
          return registryImages(planStack(spec, components), spec);
        });
        return { folder, before: pins, images };
      });
      const host = localHost();
      const images = new Set(stacks.flatMap((one) => one.images));
      if (!json) console.error(`Asking for the digests of ${images.size} images`);
      const { pins, failures } = await resolveDigests(host.docker(await endpointOf(host)), images);
      if (failures.length > 0) {
        for (const { image, why } of failures) console.error(`${image}: ${why}`);
        throw new Error(
          `${failures.length} of ${images.size} images could not be asked for; nothing was written`,
        );
      }
      const results = stacks.map(({ folder, before, images: own }) => {
        const after: Pins = Object.fromEntries(Object.entries(pins).filter(([image]) => own.includes(image)));
        const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
        return { folder, pins: after, changed: names.filter((name) => before[name] !== after[name]) };
      });
      for (const { folder, pins: after, changed } of results) {
        const file = join(folder, "pins.json");
        if (!check && changed.length > 0) await writeFile(file, `${JSON.stringify(after, null, 2)}\n`);
        if (!json) console.error(line(display(file), changed, check === true));
      }
      if (json)
        console.log(
          JSON.stringify(
            results.map((one) => ({ ...one, folder: display(one.folder) })),
            null,
            2,
          ),
        );
      if (check && results.some(({ changed }) => changed.length > 0)) throw new ExitError(3);
    });
}

function line(file: string, changed: readonly string[], check: boolean): string {
  if (changed.length === 0) return `${file}: current`;
  return [
    `${file}: ${changed.length} changed${check ? " (not written)" : ""}`,
    ...changed.map((name) => `  ${name}`),
  ].join("\n");
}
