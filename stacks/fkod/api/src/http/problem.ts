import type { NextFunction, Request, Response } from "express";
import { z } from "zod";
import { isConnectionError } from "../data/pool.ts";

/** An error meant for the client, as RFC 9457 tells it. */
export class Problem extends Error {
  override name = "Problem";
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail?: string,
    readonly more: Record<string, unknown> = {},
    readonly headers: Record<string, string> = {},
  ) {
    super(detail ?? title);
  }
}

/** Parses with zod; throws a Problem 422 that lists every fault. */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: "body" | "query" | "path",
): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => ({
    pointer: `#/${where}${issue.path.map((part) => `/${String(part)}`).join("")}`,
    detail: issue.message,
  }));
  throw new Problem(422, "The request is not valid", `${errors.length} fault(s) in the ${where}`, { errors });
}

const TITLES: Record<string, string> = {
  "entity.parse.failed": "The body is not JSON",
  "entity.too.large": "The body is too large",
  "encoding.unsupported": "The body's encoding is not supported",
  "charset.unsupported": "The body's charset is not supported",
  "request.aborted": "The client went away",
};

/** What any error is to the client; nothing of an unexpected one leaves the house. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { type, status, name, message } = error as {
    type?: string;
    status?: number;
    name?: string;
    message?: string;
  };
  if (type && type in TITLES && status)
    // Without closing, a client that goes on sending a huge body would be read to its end.
    return new Problem(
      status,
      TITLES[type] as string,
      undefined,
      {},
      status === 413 ? { Connection: "close" } : {},
    );
  if (error instanceof URIError) return new Problem(400, "The path is not valid");
  if (isConnectionError(error) || isServerBusy(error)) return unavailable("The database does not answer");
  if (
    name === "MaxRetriesPerRequestError" ||
    message === "Command timed out" ||
    message?.startsWith("Stream isn't writeable")
  )
    return unavailable("The session store does not answer");
  return new Problem(500, "Something went wrong", "It is logged under the request's id");
}

function unavailable(title: string): Problem {
  return new Problem(503, title, "Try again in a moment", {}, { "Retry-After": "1" });
}

/** Cancelled by statement_timeout or for a failover, or refused by a server that became read-only. */
function isServerBusy(error: unknown): boolean {
  return ["57014", "25006", "25P03", "40001", "40P01", "55P03"].includes(
    (error as { code?: string }).code ?? "",
  );
}

export function sendProblem(problem: Problem, request: Request, response: Response): void {
  response
    .status(problem.status)
    .set(problem.headers)
    .set("Cache-Control", "no-store")
    .type("application/problem+json")
    .send(
      JSON.stringify({
        type: "about:blank",
        title: problem.title,
        status: problem.status,
        ...(problem.detail ? { detail: problem.detail } : {}),
        instance: request.path,
        requestId: response.locals.requestId,
        ...problem.more,
      }),
    );
}

/** Express's error handler: answers, and hands what was unexpected to `report`. */
export function problems(report: (error: unknown, request: Request, response: Response) => void) {
  return (error: unknown, request: Request, response: Response, next: NextFunction) => {
    const problem = toProblem(error);
    if (problem.status >= 500) report(error, request, response);
    // Half an answer is out already: cutting the connection is the only way left to tell.
    if (response.headersSent) return next(error);
    sendProblem(problem, request, response);
  };
}

export function notFound(request: Request, response: Response): void {
  sendProblem(new Problem(404, "There is nothing here"), request, response);
}

export const Id = z.object({
  id: z.coerce
    .number()
    .int()
    .positive()
    .max(2 ** 31 - 1),
});
