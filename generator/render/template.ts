/** Handlebars, strict and without HTML escaping: a missing value is an error, never an empty string. */
import { compiledTemplate } from "./compiled.ts";

const compiled = new Map<string, (data: object) => string>();

/** @param path below templates/. @throws Error naming the template where its data lacks a value */
export function renderTemplate(path: string, data: object): string {
  let render = compiled.get(path);
  if (render === undefined) {
    render = compiledTemplate(path);
    compiled.set(path, render);
  }
  try {
    return render(data);
  } catch (error) {
    throw new Error(`templates/${path}: ${(error as Error).message}`);
  }
}
