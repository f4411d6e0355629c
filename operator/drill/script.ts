/** The scripts of drills, behind what they stand on. */
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";

export function drillScript(name: string, ...behind: readonly string[]): string {
  return ["database/lib", "drill/lib", ...behind.map((part) => `drill/${part}`), `drill/${name}`]
    .map((path) => readOwn(`operator/${path}.bash`))
    .join("\n");
}

/** Of a script of ours: another drill is held; and: somebody's copy is there. */
export const DRILLING = 96;
export const THEIRS = 95;

export function drilling(environment: string): Problem {
  return new Problem(
    `another drill is held on ${environment}: this one was not begun`,
    `Wait for it. What there is: plimsoll drill ${environment} list`,
  );
}
