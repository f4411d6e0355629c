/** The scripts that ask a stack's containers, behind the list of these. */
import { readOwn } from "../../generator/package.ts";

export function observeScript(name: "monitoring" | "errors"): string {
  return ["newest", name].map((part) => readOwn(`operator/observe/${part}.bash`)).join("\n");
}
