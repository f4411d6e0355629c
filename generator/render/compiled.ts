/** Templates, compiled when they are first used. The built command has them compiled already: see build.mjs. */
import Handlebars from "handlebars";
import { readOwn } from "../package.ts";

const engine = Handlebars.create();

/** @param path below templates/ */
export function compiledTemplate(path: string): (data: object) => string {
  return engine.compile(readOwn(`templates/${path}`), { strict: true, noEscape: true });
}
