/** The services that keep backups, by what they keep. */
export const SIDECARS = { postgres: "backup-postgres", files: "backup-files" } as const;
export type Kept = keyof typeof SIDECARS;
