/** spec → plan → render → write, for one environment of one stack. */
import { mkdir, writeFile } from "node:fs/promises";
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
  const { stackFolder, environment, images, project, force = false } = request;
  const source = await readStackFolder(stackFolder);
  const written = produce(source, environment);
  const other = images !== undefined && images !== written.plan.images;
  if (!other && project === undefined) return await write(stackFolder, written, { force, withSecrets });
  const chosen = produce(source, environment, { ...(other && { images }), ...(project && { project }) });
  const folder = scratchFolder(stackFolder, environment);
  await mkdir(dirname(folder), { recursive: true });
  await writeFile(join(dirname(folder), ".gitignore"), "*\n");
  return await write(stackFolder, chosen, { folder, force: true, withSecrets });
}

type WriteOptions = { folder?: string; force?: boolean; withSecrets?: boolean };

/**
 * Writes what was produced.
 * @throws InputError for secrets that nobody supplied, ForeignFilesError
 */
export async function write(
  stackFolder: string,
  { plan, files }: Produced,
  { folder = generatedFolder(stackFolder, plan.environment), force, withSecrets }: WriteOptions = {},
): Promise<Generated> {
  const local = plan.environment === "local";
  const secrets =
    local || withSecrets
      ? await makeSecrets(secretsFolder(stackFolder, plan.environment), plan.secrets, local ? "" : undefined)
      : undefined;
  const changes = await writeFiles(folder, files, { force });
  return { folder, plan, changes, secrets };
}
