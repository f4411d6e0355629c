/** Something that stops the operator and that a person can mend: what was found, and what to do about it. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** One or more lines: what to do, with commands that can be copied. */
  readonly remedy?: string;
  /** 1: failed; 2: wrong usage or bad input; 130: interrupted. */
  readonly exitCode: number;

  constructor(message: string, remedy?: string, exitCode = 1) {
    super(message);
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** The message and, indented below it, the remedy. */
export function formatProblem(problem: Problem): string {
  const remedy = problem.remedy?.replaceAll(/^/gm, "  ");
  return remedy ? `${problem.message}\n${remedy}` : problem.message;
}
