/** What is set by command and becomes a release: how many, plain environment, secrets. */
import type { Choices } from "../../generator/spec/load.ts";

export type Change = {
  kind: "scale" | "config" | "secrets";
  /** For the history and the audit: names and numbers of what changed, never a value. */
  what: string[];
  /** All that is set by command from now on, this change among it. */
  choices: Choices;
  /** New values by the secret's file name. They go over stdin into files, and are kept with the release. */
  secrets?: ReadonlyMap<string, string>;
};

/** Makes a release of a change and puts it in place; no version where it waits for the first release. @throws Problem, InputError: the old release serves then */
export type MakeRelease = (change: Change) => Promise<{ version: string | null }>;
