import type { Plan } from "./plan.ts";

/** Services that mount one of these secrets. Env files are not among them: Compose's own hash sees what is in those. */
export function readersOf({ services }: Pick<Plan, "services">, secrets: readonly string[]): string[] {
  return Object.entries(services)
    .filter(([, { compose }]) => (compose.secrets ?? []).some(({ source }) => secrets.includes(source)))
    .map(([name]) => name);
}
