/** Mutants that no test can notice, by rule and change, each with its reason. To stay near empty. */
export const exceptions: readonly { rule: string; change: RegExp; because: string }[] = [];
