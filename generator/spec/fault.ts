/** Faults in what a user wrote: what was found, where, what was expected. All faults of one file come at once. */
export type Fault = {
  file: string;
  /** 1-based; absent where the fault has no place in the text (a missing file). */
  line?: number;
  column?: number;
  /** Dotted path within the file: `environments.local.api.port`. */
  path?: string;
  /** What was found and what was expected. */
  message: string;
  /** What to do about it, with an example where that helps. */
  remedy?: string;
};

export function formatFault(fault: Fault): string {
  const place = fault.line === undefined ? fault.file : `${fault.file}:${fault.line}:${fault.column ?? 1}`;
  const path = fault.path ? ` ${fault.path}:` : "";
  const remedy = fault.remedy ? `\n    ${fault.remedy}` : "";
  return `${place}${path} ${fault.message}${remedy}`;
}

/** Bad input: the command changes nothing and exits with 2. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join("\n"));
    this.faults = faults;
  }
}
