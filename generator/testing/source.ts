/** For tests: a stack from text, as if it had been read from a folder. */
import { parseYaml } from "../spec/document.ts";
import { readStack } from "../spec/load.ts";
import { decodeText } from "../spec/text.ts";
import type { StackSource } from "../stack.ts";

/** Production refuses it: it does not say where backups go. For tests that write `backup` themselves. */
export const bare = `name: hello
domain: api.example.com
machine: s-4vcpu-8gb
api:
  image: ghcr.io/me/hello:1.0.0
`;

export const shortest = bare.replace("api:", "backup: { lost_with_machine: accepted }\napi:");

export function sourceOf(stack: string | Uint8Array, overrides?: string): StackSource {
  const bytes = typeof stack === "string" ? new TextEncoder().encode(stack) : stack;
  return {
    folder: "stacks/hello",
    yaml: readStack("stack.yaml", decodeText("stack.yaml", bytes)),
    overrides: overrides === undefined ? undefined : parseYaml("overrides.yaml", overrides),
    pins: {},
  };
}
