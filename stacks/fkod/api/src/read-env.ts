import { readFileSync } from "node:fs";
import type { z } from "zod";
import { names } from "./env.ts";

export class EnvError extends Error {
  override name = "EnvError";
  constructor(readonly faults: string[]) {
    const lines = faults.map((fault) => `  ${fault}`).join("\n");
    super(`The environment has ${faults.length} fault${faults.length === 1 ? "" : "s"}:\n${lines}`);
  }
}

/** Reads and checks the environment; throws EnvError with all its faults, never with a value. */
export function readEnv<S extends z.ZodType>(schema: S, source: NodeJS.ProcessEnv = process.env): z.infer<S> {
  const { values, faults } = withFiles(source);
  const unread = new Set(faults.map((fault) => fault.split("_FILE:")[0]));
  const result = schema.safeParse(values);
  for (const issue of result.error?.issues ?? []) {
    const name = String(issue.path[0] ?? "");
    if (!unread.has(name)) faults.push(`${name}: ${plain(issue)}`);
  }
  if (faults.length > 0 || !result.success) throw new EnvError([...new Set(faults)]);
  return result.data;
}

function plain(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value" && issue.message.startsWith("Invalid"))
    return `is not one of ${issue.values.join(", ")}`;
  return issue.message;
}

/** NAME_FILE holds the path of NAME's value; an empty variable counts as missing, as Compose passes `NAME=`. */
function withFiles(source: NodeJS.ProcessEnv): { values: Record<string, string>; faults: string[] } {
  const values: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, value] of Object.entries(source)) if (value) values[name] = value;
  for (const name of names) {
    const path = values[`${name}_FILE`];
    if (!path) continue;
    if (values[name]) {
      faults.push(`${name}_FILE: is set beside ${name}; set one of the two`);
      continue;
    }
    try {
      const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
      if (value) values[name] = value;
    } catch (error) {
      faults.push(`${name}_FILE: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  return { values, faults };
}
