/** release.yaml of the current release: what was set by command, and not in stack.yaml. */
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Choices } from "../../generator/spec/load.ts";
import { Problem } from "../problem.ts";
import { type Place, requireDone } from "./place.ts";

const Said = z.looseObject({
  scale: z.record(z.string(), z.int()).optional(),
  config: z.record(z.string(), z.string().nullable()).optional(),
});

/** One round trip. Nothing is set before the first release. */
export async function readChoices(place: Place): Promise<Choices> {
  const script = `set -euo pipefail
cd -- "$1" 2>/dev/null && [[ -e current ]] || exit 0
read -r version <current
[[ $version =~ ^v[0-9]+$ && -e releases/$version/release.yaml ]] && cat -- "releases/$version/release.yaml" || true`;
  const outcome = await place.host.script(script, [place.state]);
  const { stdout } = requireDone(place, outcome, "reading what was set");
  if (stdout.trim() === "") return {};
  try {
    return Said.parse(parse(stdout)) as Choices;
  } catch {
    throw new Problem(
      `release.yaml of the current release cannot be read (${join(place.state, "releases")})`,
    );
  }
}
