/** The copy of the database that is kept warm on another host, as the database and its backups must agree on it. */
import type { Core, Dr, EnvironmentKind } from "./core.ts";

/** How it follows: dr.follow. */
export type Follow = NonNullable<Dr["follow"]>;

type Whose = { spec: Pick<Core, "dr">; environment: EnvironmentKind };

/** On a laptop nothing is kept warm: production's copy is none of its own. */
export function followOf({ spec, environment }: Whose): Follow | undefined {
  return environment === "local" ? undefined : spec.dr?.follow;
}

/** Where a follower that streams comes from. Names are not looked up: the same words give the same files everywhere. */
export function followerAddress({ dr }: Pick<Core, "dr">): string | undefined {
  if (dr?.address !== undefined) return dr.address;
  const host = dr?.host
    ?.replace(/^[^@]*@/, "")
    .replace(/^ssh:\/\//, "")
    .replace(/:\d+$/, "");
  return host !== undefined && /^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? host : undefined;
}

/** What the database opens for a follower that streams; undefined where none does. */
export function streamOf(context: Whose): { port: number; address: string } | undefined {
  const address = followerAddress(context.spec);
  if (followOf(context) !== "stream" || address === undefined) return undefined;
  return { port: context.spec.dr?.port ?? 6432, address };
}
