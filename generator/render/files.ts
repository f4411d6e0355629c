/** A file's content in memory. */
import type { FileContent } from "../components/component.ts";
import { listOwn, readOwn } from "../package.ts";
import { renderTemplate } from "./template.ts";
import { toYaml } from "./yaml.ts";

export type Rendered = {
  path: string;
  text: string;
  executable: boolean;
  component: string;
  restarts: readonly string[];
};

type Renderable = { path: string; content: FileContent; executable?: boolean; restarts?: readonly string[] };

/** One file, or every file of a copied folder. */
export function renderFile(file: Renderable, component: string): Rendered[] {
  const { content } = file;
  const make = (path: string, text: string): Rendered => ({
    path,
    text,
    executable: file.executable === true,
    component,
    restarts: file.restarts ?? [],
  });
  if ("copy" in content) {
    return listOwn(content.copy).map((inner) =>
      inner === ""
        ? make(file.path, readOwn(content.copy))
        : make(`${file.path}/${inner}`, readOwn(`${content.copy}/${inner}`)),
    );
  }
  if ("text" in content) return [make(file.path, content.text)];
  if ("json" in content) return [make(file.path, `${JSON.stringify(content.json, null, 2)}\n`)];
  if ("yaml" in content) return [make(file.path, toYaml(content.yaml, content.comment))];
  return [make(file.path, renderTemplate(content.template, content.data))];
}
