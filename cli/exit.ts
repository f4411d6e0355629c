/** Ends the command with a code after everything was said. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  /** Ours are 1, 2 and 3; of a command that we ran for somebody, its own. */
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}
