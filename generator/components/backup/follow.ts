/** A copy of the database that is kept warm on another host: dr.follow. */

import { followerAddress, followOf } from "../../spec/dr.ts";
import type { Context, Early, OptionFault, Threshold } from "../component.ts";
import type { Backup } from "./options.ts";

/** The copy says every minute how far it is, and the sidecar looks every five. */
const LEAST = 600;

/** The recording rule that DisasterSiteBehind compares with. */
export function followThresholds(context: Pick<Context, "spec" | "environment">): Threshold[] {
  if (followOf(context) === undefined) return [];
  const { rpo } = context.spec.objectives;
  return [
    {
      record: "plimsoll:threshold:dr_follower_behind_seconds",
      value: Math.max(LEAST, rpo),
      because: `objectives.rpo (${rpo} s), at least ${LEAST / 60} minutes, since it is looked at every five`,
    },
  ];
}

/** What must be there where a copy is to be kept warm. */
export function followFaults({ repository }: Pick<Backup, "repository">, context: Early): OptionFault[] {
  if (followOf(context) === undefined) return [];
  const path = ["..", "dr", "follow"];
  return [
    ...(repository === "local"
      ? [
          {
            path,
            message:
              "a copy on another host follows what is in a bucket, and backups are kept on this machine alone",
            remedy:
              "Name a bucket: backup: { repository: { s3: { endpoint: …, region: …, bucket: … } } }, or leave dr.follow out.",
          },
        ]
      : []),
    ...(context.present.has("postgres")
      ? []
      : [{ path, message: "there is no PostgreSQL that could be followed", remedy: "Leave it out." }]),
    ...(followOf(context) === "stream" &&
    context.spec.dr?.host !== undefined &&
    followerAddress(context.spec) === undefined
      ? [
          {
            path: ["..", "dr", "host"],
            message: "is a name, and only one address may connect to the database from outside",
            remedy: "Name its address too: dr: { address: 203.0.113.8 }, or dr: { host: deploy@203.0.113.8 }",
          },
        ]
      : []),
    ...(context.spec.dr?.host === undefined
      ? [
          {
            path: ["..", "dr"],
            message: "host is missing: the host on which the copy is kept",
            remedy: "Name it: dr: { host: deploy@203.0.113.8, follow: repository }",
          },
        ]
      : []),
  ];
}
