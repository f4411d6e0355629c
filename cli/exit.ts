/** Ends the command with a code after everything was said. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly code: 1 | 2 | 3;

  constructor(code: 1 | 2 | 3) {
    super(`exit ${code}`);
    this.code = code;
  }
}
