/** Names of backups as pgBackRest and restic give them. */
import { Problem } from "../problem.ts";

const POSTGRES = /^\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?$/;
const SNAPSHOT = /^[0-9a-f]{8}(?:[0-9a-f]{56})?$/;

export const isPostgresLabel = (word: string): boolean => POSTGRES.test(word);

/** @throws Problem (2) for a word that names no backup of ours: it goes no further */
export function requireLabel(word: string, environment: string, kind: "any" | "postgres" = "any"): string {
  if (POSTGRES.test(word) || (kind === "any" && SNAPSHOT.test(word))) return word;
  const examples = ["20261128-033000F", "20261128-033000F_20261129-033000D"];
  throw new Problem(
    `${JSON.stringify(word)} is no backup's label`,
    `Expected one such as ${[...examples, ...(kind === "any" ? ["1a2b3c4d"] : [])].join(", ")}. There are: plimsoll backup ${environment} list`,
    2,
  );
}
