/** spec → plan → render → write, for one environment of one stack. */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { components } from "./components/index.ts";
import { applyOverrides } from "./plan/overrides.ts";
import { type Plan, planStack } from "./plan/plan.ts";
import type { Rendered } from "./render/files.ts";
import { render } from "./render/render.ts";
import type { EnvironmentKind } from "./spec/core.ts";
import { type Choices, loadSpec, type Spec } from "./spec/load.ts";
import { generatedFolder, readStackFolder, type StackSource, scratchFolder, secretsFolder } from "./stack.ts";
import type { Change } from "./write/compare.ts";
import { makeSecrets, type SecretsResult } from "./write/secrets.ts";
import { writeFiles } from "./write/write.ts";

export type Produced = { spec: Spec; plan: Plan; files: readonly Rendered[] };

/** Everything up to the disk: pure but for what was read before. @throws InputError */
export function produce(source: StackSource, environment: EnvironmentKind, choices: Choices = {}): Produced {
  const spec = loadSpec(source.yaml, environment, components, choices);
  const plan = planStack(spec, components);
  const { overrides } = source;
  const files = render(
    plan,
    source.pins,
    overrides && ((compose) => applyOverrides(compose, overrides, plan.budget)),
  );
  return { spec, plan, files };
}

export type GenerateRequest = {
  stackFolder: string;
  environment: EnvironmentKind;
  /** A choice that is not in stack.yaml: the files go to an ignored folder. */
  images?: "official" | "debian";
  project?: string;
  force?: boolean;
};

export type Generated = {
  folder: string;
  plan: Plan;
  changes: readonly Change[];
  /** Absent for environments whose secrets are born on their host. */
  secrets?: SecretsResult;
};

/**
 * Writes one environment. Secrets of `local` are made here; those of others where they run (`withSecrets`).
 * @throws InputError, ForeignFilesError
 */
export async function generate(request: GenerateRequest, { withSecrets = false } = {}): Promise<Generated> {
  const source = await readStackFolder(request.stackFolder);
  const asWritten = loadSpec(source.yaml, request.environment, components);
  const images = request.images === asWritten.core.images ? undefined : request.images;
  const choices = { ...(images && { images }), ...(request.project && { project: request.project }) };
  const { plan, files } = produce(source, request.environment, choices);
  const chosen = Object.keys(choices).length > 0;
  const place = chosen ? scratchFolder : generatedFolder;
  const folder = place(request.stackFolder, request.environment);
  const changes = await writeFiles(folder, files, { force: request.force === true || chosen });
  if (chosen) await writeFile(join(dirname(folder), ".gitignore"), "*\n");
  const local = request.environment === "local";
  const secrets =
    local || withSecrets
      ? await makeSecrets(
          secretsFolder(request.stackFolder, request.environment),
          plan.secrets,
          local ? "" : undefined,
        )
      : undefined;
  return { folder, plan, changes, secrets };
}
