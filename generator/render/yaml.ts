/** The one way values become YAML: no anchors, no folding, nothing that a reader of YAML 1.1 takes for a number. */
import { stringify } from "yaml";

export function toYaml(value: unknown, comment?: string): string {
  const text = stringify(value, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    version: "1.2",
    compat: "yaml-1.1",
  });
  return comment ? `${comment.replace(/^/gm, "# ").replace(/ +$/gm, "")}\n${text}` : text;
}
