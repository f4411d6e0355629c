/** Handlebars, strict and without HTML escaping: a missing value is an error, never an empty string. */
import Handlebars from "handlebars";
import { readOwn } from "../package.ts";

const engine = Handlebars.create();
const compiled = new Map<string, HandlebarsTemplateDelegate>();

/** @param path below templates/. @throws Error naming the template where its data lacks a value */
export function renderTemplate(path: string, data: object): string {
  let render = compiled.get(path);
  if (render === undefined) {
    render = engine.compile(readOwn(`templates/${path}`), { strict: true, noEscape: true });
    compiled.set(path, render);
  }
  try {
    return render(data);
  } catch (error) {
    throw new Error(`templates/${path}: ${(error as Error).message}`);
  }
}
