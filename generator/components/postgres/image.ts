/**
 * The image of the nodes and of their backup sidecar: PostgreSQL, pgBackRest and the scheduler in one.
 * Facts about the official image: docker-library/postgres, 18/trixie/Dockerfile.
 */
import { type Build, copy, type Image, template } from "../component.ts";
import type { Postgres } from "./options.ts";

/** uid and gid of `postgres`. Source: groupadd and useradd in the Dockerfile. */
export const UID = 999;
/** Where 18 declares its volume, and nodes have theirs. 17 declares /var/lib/postgresql/data, which is kept empty. */
export const VOLUME = "/var/lib/postgresql";

/**
 * For a service that has no data of a node: what its image declares would be an anonymous, writable volume of each
 * container. Docker leaves out only what is mounted at the very path.
 */
export function coverVolume(version: Postgres["version"]): readonly string[] {
  return [`${VOLUME}:size=1m,mode=0755,uid=${UID},gid=${UID}`, ...coverData(version)];
}

/** 17's image declares its volume within VOLUME. */
export function coverData(version: Postgres["version"]): readonly string[] {
  return version === 17 ? [`${VOLUME}/data:size=1m`] : [];
}

const OFFICIAL = {
  18: { version: "18.6", tag: "18.6-trixie" },
  17: { version: "17.11", tag: "17.11-trixie" },
} as const;

/** PGDATA of 18 (the layout of pg_ctlcluster), used for 17 too, so that an upgrade finds both side by side. */
export function dataDirectory(version: Postgres["version"]): string {
  return `${VOLUME}/${version}/docker`;
}

export function imageOf(version: Postgres["version"]): Image {
  return {
    official: build("postgres/Dockerfile.hbs", { ...OFFICIAL[version], major: version }),
    debian: build("postgres/Dockerfile.debian.hbs", { version, major: version }),
  };
}

function build(dockerfile: string, data: object): Build {
  return {
    name: "postgres",
    files: [
      template("Dockerfile", dockerfile, data),
      copy("prepare.sh", "templates/postgres/prepare.sh"),
      copy("bin", "templates/postgres/bin"),
      copy("share", "templates/postgres/share"),
    ],
  };
}
