import type { CheckContext } from "./context.ts";
import { unavailable, type Verdict } from "./item.ts";

export function nothingRuns({ site: { environment } }: CheckContext): Verdict {
  return unavailable(`nothing runs as ${environment}`, `plimsoll deploy ${environment}`);
}
