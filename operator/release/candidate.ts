/** A release in memory: what would run, and how it differs from what runs. */
import { parse, stringify } from "yaml";
import { z } from "zod";
import { type Produced, produce } from "../../generator/index.ts";
import type { Held } from "../../generator/plan/budget.ts";
import { CONFIG_LABEL } from "../../generator/render/compose.ts";
import type { Rendered } from "../../generator/render/files.ts";
import { type PlanJson, planJson } from "../../generator/render/plan-json.ts";
import { type Compose, type ComposeDiff, diffCompose } from "../../generator/report/compose-diff.ts";
import { effects } from "../../generator/report/diff.ts";
import { parseYaml } from "../../generator/spec/document.ts";
import { type Choices, readStack } from "../../generator/spec/load.ts";
import { readPins } from "../../generator/spec/pins.ts";
import type { StackSource } from "../../generator/stack.ts";
import { formatManifest, MANIFEST, manifestOf } from "../../generator/write/manifest.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { type Context, readContext } from "./context.ts";
import type { Look } from "./look.ts";

/** What is set by command: release.yaml of a release. `tag` is of the image that was built for it. */
export const ReleaseWords = z.strictObject({
  images: z.enum(["official", "debian"]).optional(),
  image: z.string().optional(),
  scale: z.record(z.string(), z.int()).optional(),
  config: z.record(z.string(), z.string().nullable()).optional(),
  tag: z.string().optional(),
});
export type ReleaseWords = z.output<typeof ReleaseWords>;

/** @throws Problem where it is not ours */
export function readReleaseWords(text: string | undefined): ReleaseWords {
  const parsed = ReleaseWords.safeParse(text === undefined ? {} : (parse(text) ?? {}));
  if (parsed.success) return parsed.data;
  throw new Problem("release.yaml of the current release cannot be read", z.prettifyError(parsed.error));
}

export function writeReleaseWords(words: ReleaseWords): string {
  return stringify(words);
}

export type Candidate = {
  version: string;
  words: ReleaseWords;
  plan: PlanJson;
  produced: Produced;
  files: readonly Rendered[];
  source: StackSource;
};

export type CandidateInput = {
  site: Site;
  source: StackSource;
  look: Look;
  words: ReleaseWords;
  version: string;
  /** Shares memory out anew instead of keeping what services have. */
  rebalance?: boolean;
};

/** @throws InputError */
export function makeCandidate(input: CandidateInput): Candidate {
  const { site, source, look, words, version } = input;
  const choices: Choices = {
    images: words.images,
    image: words.image,
    scale: words.scale,
    config: words.config,
    release: { version, tag: words.tag },
    ...(!input.rebalance && { held: heldOf(look.plan) }),
  };
  const held = choices.held ?? [];
  const make = (held: Held | undefined) => produce(source, site.environment, { ...choices, held });
  let produced = make(held);
  if (!isSameMachine(produced, look.plan)) produced = make(undefined);
  // One more server gets as much as the others, not what is left.
  else if (look.plan && ownNames(planJson(produced.plan)) !== ownNames(look.plan))
    produced = make(held.slice(1));
  const plan = JSON.parse(JSON.stringify(planJson(produced.plan))) as PlanJson;
  const manifest = manifestOf(produced.files);
  const files = [
    ...produced.files,
    {
      path: MANIFEST,
      text: formatManifest(manifest),
      executable: false,
      component: "plimsoll",
      restarts: [],
    },
  ];
  return { version, words, plan, produced, files, source };
}

/** A droplet of another size is there to be used: nothing is held then. */
function isSameMachine(produced: Produced, before: PlanJson | undefined): boolean {
  if (!before) return true;
  const { cpus, memory, disk } = produced.plan.budget.machine;
  const { machine } = before;
  return machine.cpus === cpus && machine.memory === memory && machine.disk === disk;
}

function ownNames({ application }: Pick<PlanJson, "application">): string {
  return [
    ...(application?.servers ?? []).map(({ service }) => service),
    ...(application?.processes ?? []),
  ].join(" ");
}

/** First everybody as they were; then the application's servers and processes may give way, which are replaced anyway. */
function heldOf(plan: PlanJson | undefined): Held | undefined {
  if (!plan?.application) return undefined;
  const { servers, spare, processes } = plan.application;
  const giving = new Set([...servers, spare].map(({ service }) => service).concat(processes));
  const all = plan.budget.lines.map(({ name, memory }) => [name, memory] as const);
  const disk = Object.assign({}, ...plan.budget.lines.map((line) => line.disk)) as Record<string, number>;
  return [
    { memory: Object.fromEntries(all), disk },
    { memory: Object.fromEntries(all.filter(([name]) => !giving.has(name))), disk },
  ];
}

/** The folder that the application is built from; undefined where its image is pulled. */
export async function contextOf(produced: Produced, stackFolder: string): Promise<Context | undefined> {
  const image = builtImage(produced);
  return image && readContext(stackFolder, contextPath(produced), image.dockerfile ?? "Dockerfile");
}

/** Its path below the stack's folder: `api`. "" where nothing is built. */
export function contextPath(produced: Produced): string {
  return (
    builtImage(produced)
      ?.context.replace(/^\.\/+/, "")
      .replace(/\/+$/, "") ?? ""
  );
}

function builtImage({ plan }: Produced) {
  const first = plan.offers.application?.servers[0]?.service;
  const image = first ? plan.services[first]?.image : undefined;
  return image && "context" in image ? image : undefined;
}

/** stack.yaml as the current release was made from it: a change of one setting brings no other along. */
export function sourceOfRelease(source: StackSource, look: Look): StackSource {
  if (!look.source) return source;
  const { stack, overrides, pins, beside } = look.source;
  const file = `stack.yaml of ${look.current}`;
  return {
    folder: source.folder,
    yaml: {
      ...readStack(file, stack),
      beside: beside === undefined ? {} : (JSON.parse(beside) as Record<string, string>),
    },
    overrides:
      overrides === undefined ? undefined : parseYaml(`overrides.yaml of ${look.current}`, overrides),
    pins: readPins(`pins.json of ${look.current}`, pins),
  };
}

export type Difference = {
  /** Paths that are new or another, and those that are gone. */
  changed: readonly string[];
  gone: readonly string[];
  compose: ComposeDiff;
  /** Services other than the application's whose containers are made anew, and why. */
  restarts: readonly { service: string; why: readonly string[] }[];
};

export function differenceOf(candidate: Candidate, look: Look): Difference {
  const before = look.manifest.files;
  const after = manifestOf(candidate.produced.files).files;
  const changed = Object.entries(after)
    .filter(
      ([path, file]) => before[path]?.sha256 !== file.sha256 || before[path]?.executable !== file.executable,
    )
    .map(([path]) => path);
  const compose = diffCompose(
    (parse(look.compose ?? "") ?? {}) as Compose,
    parse(candidate.files.find(({ path }) => path === "compose.yaml")?.text ?? "") as Compose,
    {
      label: CONFIG_LABEL,
      filesOf: (service) =>
        candidate.files
          .filter(({ path, restarts }) => restarts.includes(service) && changed.includes(path))
          .map(({ path }) => path),
    },
  );
  const { application } = candidate.plan;
  const own = new Set([
    ...(application?.servers ?? []).map(({ service }) => service),
    ...(application?.processes ?? []),
    application?.migrate,
  ]);
  const { recreate, restart } = effects(compose);
  return {
    changed,
    gone: Object.keys(before).filter((path) => !after[path]),
    compose,
    restarts: [...recreate, ...restart]
      .filter(({ service }) => !own.has(service))
      .map(({ service, why }) => ({ service, why })),
  };
}
