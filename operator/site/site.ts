/** Where one environment of a stack lives on a host: fixed folders, since the same file elsewhere has another hash. */
import { join } from "node:path";
import type { EnvironmentKind } from "../../generator/spec/core.ts";
import type { Engine } from "../engine/find.ts";
import type { Host } from "../host/host.ts";

export type SiteFolders = {
  /** What the generated files' relative paths start from, two folders up: build contexts lie here. */
  root: string;
  /** The Compose project's folder. Never replaced: files in it are, one by one. */
  live: string;
  /** Mode 0700. */
  secrets: string;
  /** Releases, locks, the audit: mode 0700. */
  state: string;
};

export type Site = SiteFolders & {
  host: Host;
  /** The stack's name. */
  stack: string;
  environment: EnvironmentKind;
  /** Name of the Compose project. */
  project: string;
  domain: string;
  /** The engine of the host, looked for once. @throws Problem where none answers that can run a stack */
  engine(): Promise<Engine>;
};

/** Folders of a droplet: below /srv, which `host init` gives to the user that deploys. */
export function remoteFolders(project: string, environment: EnvironmentKind): SiteFolders {
  const root = `/srv/plimsoll/${project}`;
  return {
    root,
    live: `${root}/generated/${environment}`,
    secrets: `${root}/secrets/${environment}`,
    state: `${root}/state`,
  };
}

/** Folders of this machine: inside the stack's own, ignored by git. */
export function localFolders(stackFolder: string, environment: EnvironmentKind): SiteFolders {
  return {
    root: stackFolder,
    live: join(stackFolder, ".generated", environment),
    secrets: join(stackFolder, "secrets", environment),
    state: join(stackFolder, ".plimsoll", environment),
  };
}
