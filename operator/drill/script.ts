/** The scripts of drills, behind what they stand on. */
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";

export function drillScript(name: string, { restoring = false } = {}): string {
  const own = (path: string) => readOwn(`operator/${path}.bash`);
  return [
    own("database/lib"),
    own("drill/lib"),
    // Held by the drill, and not by it: a part in a shell of its own.
    ...(restoring ? [`restoring() (\n${own("database/restore")}\n)`] : []),
    own(`drill/${name}`),
  ].join("\n");
}

/** Of a script of ours: another drill is held. */
export const DRILLING = 96;

export function drilling(environment: string): Problem {
  return new Problem(
    `another drill is held on ${environment}: this one was not begun`,
    `Wait for it. What there is: plimsoll drill ${environment} list`,
  );
}
