/** All that can be known of a stack before a new host is touched: its bundle, its backups, and where it ran. */
import { parse } from "yaml";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { Dr } from "../../generator/spec/core.ts";
import { isMap, merge } from "../../generator/spec/merge.ts";
import { Problem } from "../problem.ts";
import { planOf, textOf } from "./activate.ts";
import { readActive } from "./active.ts";
import { type Bundle, fetchBundle, openBundle } from "./bundle.ts";
import { type Catalog, readCatalog } from "./catalog.ts";
import { type Follower, readFollower } from "./follower.ts";
import type { Store, StoreKeys } from "./s3.ts";

export type Recoverable = {
  bundle: Bundle;
  plan: PlanJson;
  /** Undefined for a stack without PostgreSQL. */
  catalog: Catalog | undefined;
  /** Who writes into the repository as far as is known, as ssh takes it. */
  firstHost: string | undefined;
  /** The host that was left for that one, of a planned move. */
  before?: string;
  dr: Dr | undefined;
  /** The copy that is kept warm, as it said last. */
  follower?: Follower;
};

export type RecoveryInput = {
  store: Store;
  keys: StoreKeys;
  identity: string;
  environment: string;
  /** The stack's name, where it is known. */
  stack?: string;
  /** Of the bundle; the newest if absent. */
  name?: string;
};

/** @throws Problem where the stack could not be brought back from it */
export async function openRecovery(input: RecoveryInput): Promise<Recoverable> {
  const { store, keys, identity, environment, stack, name } = input;
  const fetched = await fetchBundle(store, keys, name);
  const bundle = await openBundle(
    fetched,
    identity,
    stack === undefined ? undefined : { stack, environment },
  );
  if (bundle.meta.environment !== environment)
    throw new Problem(
      `${bundle.name} is of ${bundle.meta.stack} ${bundle.meta.environment}, and ${environment} was named`,
      undefined,
      2,
    );
  const plan = planOf(bundle);
  const postgres = plan.backups.some((offer) => "cluster" in offer);
  const cipher = () => textOf(bundle.secrets, "backup_cipher_pass").trim();
  const words = wordsOf(bundle);
  const active = await readActive(store, keys);
  return {
    bundle,
    plan,
    catalog: postgres ? await readCatalog(store, keys, cipher()) : undefined,
    firstHost: active?.host ?? words.host,
    ...(active?.before !== undefined && { before: active.before }),
    dr: words.dr,
    follower: await readFollower(store, keys),
  };
}

type Words = { host: string | undefined; dr: Dr | undefined };

/** Of the release's stack.yaml, of which this plimsoll need not understand the rest. */
function wordsOf(bundle: Bundle): Words {
  const file = `releases/${bundle.meta.release}/source/stack.yaml`;
  try {
    const base = parse(textOf(bundle.state, file)) as Record<string, unknown>;
    const { environments, ...shared } = base;
    const own = isMap(environments) ? environments[bundle.meta.environment] : undefined;
    const { host, dr } = merge(shared, own ?? {}) as { host?: unknown; dr?: unknown };
    return { host: typeof host === "string" ? host : undefined, dr: Dr.optional().safeParse(dr).data };
  } catch {
    return { host: undefined, dr: undefined };
  }
}
