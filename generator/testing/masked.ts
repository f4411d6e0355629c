/** What Logstash's mutate makes of a line by our masks: an equal in JavaScript, for tests. */
import { MASKS } from "../components/elk/masks.ts";

export function masked(line: string, masks = MASKS): string {
  return masks.reduce((text, [pattern, replacement]) => {
    const expression = new RegExp(pattern.replace("(?i)", ""), pattern.startsWith("(?i)") ? "gi" : "g");
    return text.replace(expression, (...groups: string[]) =>
      // As Ruby reads it: one digit is a group, and what follows is text.
      replacement.replace(/\\(\d)/g, (_, group: string) => groups[Number(group)] ?? ""),
    );
  }, line);
}
