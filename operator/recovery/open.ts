/** All that can be known of a stack before a new host is touched: its bundle, its backups, and where it ran. */
import { components } from "../../generator/components/index.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { loadSpec, readStack } from "../../generator/spec/load.ts";
import { Problem } from "../problem.ts";
import { planOf, textOf } from "./activate.ts";
import { readActive } from "./active.ts";
import { type Bundle, fetchBundle, openBundle } from "./bundle.ts";
import { type Catalog, readCatalog } from "./catalog.ts";
import type { Store, StoreKeys } from "./s3.ts";

export type Recoverable = {
  bundle: Bundle;
  plan: PlanJson;
  /** Undefined for a stack without PostgreSQL. */
  catalog: Catalog | undefined;
  /** Who writes into the repository as far as is known, as ssh takes it. */
  firstHost: string | undefined;
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
  return {
    bundle,
    plan,
    catalog: postgres ? await readCatalog(store, keys, cipher()) : undefined,
    firstHost: (await readActive(store, keys))?.host ?? hostOf(bundle),
  };
}

/** As stack.yaml of the release says; undefined where this plimsoll no longer reads it. */
function hostOf(bundle: Bundle): string | undefined {
  try {
    const file = `releases/${bundle.meta.release}/source/stack.yaml`;
    const yaml = readStack(file, textOf(bundle.state, file));
    return loadSpec(yaml, bundle.meta.environment, components).core.host;
  } catch {
    return undefined;
  }
}
