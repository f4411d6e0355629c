/** The one way values become YAML: no anchors, no folding, stable order. */
import { stringify } from "yaml";

export function toYaml(value: unknown, comment?: string): string {
  const text = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, version: "1.2" });
  return comment ? `${comment.replace(/^/gm, "# ").replace(/ +$/gm, "")}\n${text}` : text;
}
