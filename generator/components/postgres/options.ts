/** The words of stack.yaml under `postgres`. */
import { z } from "zod";
import { Size } from "../../spec/words.ts";

/** Names that PostgreSQL, pg_hba.conf or the stack use for something else. */
const TAKEN = ["postgres", "template0", "template1", "replication", "all", "monitoring", "backup"];

export const DatabaseName = z
  .string({ error: "expected a database's name such as shop_db" })
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, {
    error: "expected a database's name of small letters, digits and underscores, such as shop_db",
  })
  .refine((name) => !TAKEN.includes(name), { error: `expected a name other than ${TAKEN.join(", ")}` });

export const Postgres = z
  .strictObject({
    version: z
      .union([z.literal(18), z.literal(17)], { error: "expected 18 or 17" })
      .default(18)
      .describe("Major version. 17 needs images: official"),
    database: DatabaseName.optional().describe("The application's database; NAME_db if absent"),
    replica: z
      .boolean()
      .default(true)
      .describe(
        "A second node that follows the first and serves reads. On the same machine: no protection from losing it",
      ),
    synchronous: z
      .boolean()
      .default(false)
      .describe(
        "A write is acknowledged once the replica has it too. Without its replica the writer then waits",
      ),
    memory: Size.prefault("320MB")
      .refine((bytes) => bytes >= 256 * 1024 * 1024, { error: "expected at least 256MB" })
      .describe("Least memory of each node; what the machine has left over is shared out on top"),
    disk: Size.prefault("2GB")
      .refine((bytes) => bytes >= 1024 ** 3, { error: "expected at least 1GB" })
      .describe("Least disk of each node's data; what the machine has left over is shared out on top"),
  })
  .prefault({})
  .describe("PostgreSQL: a primary, a streaming replica and the proxy before them");
export type Postgres = z.output<typeof Postgres>;

/** @param stack its name, a DNS label */
export function databaseName(options: Pick<Postgres, "database">, stack: string): string {
  return options.database ?? `${stack.replaceAll("-", "_")}_db`;
}

export const PRIMARY = "postgres-1";
export const REPLICA = "postgres-2";

export function nodeNames(options: Pick<Postgres, "replica">): readonly string[] {
  return options.replica ? [PRIMARY, REPLICA] : [PRIMARY];
}
