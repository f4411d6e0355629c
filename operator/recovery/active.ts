/** Who writes into a repository: one site, named in the bucket, so that one that comes back from the dead is told. */
import { z } from "zod";
import { Problem } from "../problem.ts";
import { recoveryPrefix } from "./bundle.ts";
import { getObject, listObjects, putObject, type Store, type StoreKeys } from "./s3.ts";

export const Active = z.object({
  format: z.literal(1),
  /** Of the site: its secret backup_site. Nodes and sidecars that have another are no longer it. */
  id: z.string().regex(/^[A-Za-z0-9]{8,64}$/),
  /** As ssh takes it. */
  host: z.string(),
  /** The host that was left for it, of a planned move: one that was cut short goes on from there. */
  before: z.string().optional(),
  by: z.string(),
  since: z.iso.datetime(),
});
export type Active = z.output<typeof Active>;

const NAME = "active.json";

/** Undefined where no site was ever activated. @throws Problem */
export async function readActive(store: Store, keys: StoreKeys): Promise<Active | undefined> {
  const key = recoveryPrefix(store) + NAME;
  const there = await listObjects(store, keys, key);
  if (!there.some((object) => object.key === key)) return undefined;
  const text = (await getObject(store, keys, key)).toString("utf8");
  try {
    return Active.parse(JSON.parse(text));
  } catch {
    throw new Problem(
      `${NAME} in ${store.bucket}${store.path}/recovery cannot be read`,
      "It says which host writes into this repository. Look at it; where no other host is alive, remove it.",
    );
  }
}

export async function writeActive(store: Store, keys: StoreKeys, active: Active): Promise<void> {
  await putObject(store, keys, recoveryPrefix(store) + NAME, `${JSON.stringify(active)}\n`);
}
