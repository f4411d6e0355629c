/** What the copy of the database on the disaster site says of itself in the bucket. Written by templates/postgres/share/follow.bash. */
import { z } from "zod";
import { Problem } from "../problem.ts";
import { recoveryPrefix } from "./bundle.ts";
import { getObject, listObjects, type Store, type StoreKeys } from "./s3.ts";

export const Follower = z.object({
  format: z.literal(1),
  /** When it said so, seconds of the epoch by its own clock. */
  at: z.number(),
  /** As ssh takes it. */
  host: z.string(),
  mode: z.enum(["repository", "stream"]),
  /** stuck: it cannot go on by itself, and `fault` says why. */
  state: z.enum(["restoring", "following", "stuck"]),
  /** Until where it has replayed the log. */
  lsn: z
    .string()
    .regex(/^[0-9A-F]+\/[0-9A-F]+$/)
    .nullable(),
  timeline: z.number().nullable(),
  /** When the last transaction that it has was committed, seconds of the epoch. */
  replayed: z.number().nullable(),
  streaming: z.boolean(),
  fault: z.string().nullable(),
});
export type Follower = z.output<typeof Follower>;

const NAME = "follower.json";

/** Undefined where none has ever said anything. @throws Problem */
export async function readFollower(store: Store, keys: StoreKeys): Promise<Follower | undefined> {
  const key = recoveryPrefix(store) + NAME;
  const there = await listObjects(store, keys, key);
  if (!there.some((object) => object.key === key)) return undefined;
  const text = (await getObject(store, keys, key)).toString("utf8");
  try {
    return Follower.parse(JSON.parse(text));
  } catch {
    throw new Problem(
      `${NAME} in ${store.bucket}${store.path}/recovery cannot be read`,
      "The disaster site writes it anew each minute. Remove it, and look there: plimsoll dr status",
    );
  }
}
