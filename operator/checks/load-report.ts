/** What `plimsoll load` leaves in state/checks/load.json, as far as the checklist reads it. */
import { z } from "zod";

const Load = z.looseObject({
  at: z.iso.datetime(),
  release: z.string().nullish(),
  environment: z.string(),
  rate: z.number().nullish(),
  /** Seconds; null where nothing was answered. */
  p95: z.number().nullable(),
  /** Against the objectives, by the command itself. */
  passed: z.boolean().optional(),
});
export type Load = z.output<typeof Load>;

/** None where it is cut short, or of another version. */
export function parseLoad(text: string | undefined): Load[] {
  try {
    return [Load.parse(JSON.parse(text ?? ""))];
  } catch {
    return [];
  }
}
