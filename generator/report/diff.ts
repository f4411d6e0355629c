/** What a generate would change in one environment: file by file, service by service, container by container. */
import { createTwoFilesPatch } from "diff";
import { parse } from "yaml";
import { CONFIG_LABEL } from "../render/compose.ts";
import type { Rendered } from "../render/files.ts";
import type { Change, Comparison } from "../write/compare.ts";
import { type Compose, type ComposeDiff, diffCompose } from "./compose-diff.ts";

export type FileDiff = {
  path: string;
  kind: Change["kind"];
  component: string;
  /** Lines added and removed. */
  added: number;
  removed: number;
  /** A unified diff; absent where only the mode changed. */
  patch?: string;
};

export type DiffReport = ComposeDiff & {
  folder: string;
  /** True where nothing was generated here before. */
  fresh: boolean;
  files: readonly FileDiff[];
  /** Files that a generate refuses to replace without --force. */
  foreign: Comparison["foreign"];
};

const COMPOSE = "compose.yaml";

/** @param composeBefore the Compose file on disk; undefined where there is none */
export function diffReport(
  folder: string,
  composeBefore: string | undefined,
  files: readonly Rendered[],
  { changes, foreign }: Comparison,
): DiffReport {
  const changed = new Set(changes.map(({ path }) => path));
  const after = files.find(({ path }) => path === COMPOSE)?.text ?? "";
  const diff = diffCompose(readCompose(composeBefore), readCompose(after), {
    label: CONFIG_LABEL,
    filesOf: (service) =>
      files
        .filter((file) => file.restarts.includes(service) && changed.has(file.path))
        .map(({ path }) => path),
  });
  return { folder, fresh: composeBefore === undefined, files: changes.map(fileDiff), foreign, ...diff };
}

/** A file that somebody broke by hand counts as empty: then everything in it is new. */
function readCompose(text: string | undefined): Compose {
  try {
    const value: unknown = parse(text ?? "");
    return typeof value === "object" && value !== null ? (value as Compose) : {};
  } catch {
    return {};
  }
}

function fileDiff({ path, kind, component, before = "", after = "" }: Change): FileDiff {
  const patch =
    before === after ? undefined : createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, "", "");
  const body = (patch ?? "").split("\n").slice(4);
  const count = (sign: string) => body.filter((line) => line.startsWith(sign)).length;
  return {
    path,
    kind,
    component,
    added: count("+"),
    removed: count("-"),
    ...(patch !== undefined && { patch }),
  };
}

/** Services by what would happen to their containers. */
export function effects({ services }: ComposeDiff) {
  const of = (effect: string) => services.filter((diff) => diff.effect === effect);
  return { create: of("create"), recreate: of("recreate"), restart: of("restart"), remove: of("remove") };
}
