/** Commands that are printed to be copied: with the `--stack` and `--host` that were typed, or they would mean another stack. */

let words = "";

/** What this call was given. */
export function remember({ stack, host }: { stack?: string; host?: string }): void {
  words = [...(stack ? [`--stack ${stack}`] : []), ...(host ? [`--host ${host}`] : [])].join(" ");
}

/** Options stand before the environment, where every command takes them. */
export function asTyped(text: string): string {
  if (words === "") return text;
  return text.replace(
    /\bplimsoll ([a-z]+)((?: (?!-)\S+)?) (local|staging|production)\b/g,
    (_, command, action, environment) => `plimsoll ${command} ${words}${action} ${environment}`,
  );
}
