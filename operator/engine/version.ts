/** Versions as Docker, Compose and distributions print them. */
export type Version = readonly [major: number, minor: number, patch: number];

/** The oldest Compose that reads what we write: `env_file` with `format: raw` came with 2.30. */
export const COMPOSE_MINIMUM: Version = [2, 30, 0];

/** The oldest engine that runs it: `start_interval` of health checks came with 25. */
export const ENGINE_MINIMUM: Version = [25, 0, 0];

/** `Docker Compose version v2.40.3-desktop.1`, `28.5.2+dfsg4`, `2.24.6+ds1-0ubuntu2`: the first version in the text. */
export function parseVersion(text: string): Version | undefined {
  const match = /(?:^|[^\d.])v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined;
}

export function isAtLeast(version: Version, minimum: Version): boolean {
  for (const index of [0, 1, 2] as const) {
    if (version[index] !== minimum[index]) return version[index] > minimum[index];
  }
  return true;
}

export function formatVersion(version: Version): string {
  return version.join(".");
}
