import type { NextFunction, Request, Response } from "express";

/** CORS for the origins of a comma-separated list; "*" for all, an empty list for none. */
export function cors(origins: string) {
  const allowed = new Set(
    origins
      .split(",")
      .map((origin) => origin.trim())
      .filter(Boolean),
  );
  return (request: Request, response: Response, next: NextFunction) => {
    response.vary("Origin");
    response.set("X-Content-Type-Options", "nosniff");
    const origin = request.get("origin");
    if (!origin || !(allowed.has("*") || allowed.has(origin))) return next();
    response.set({
      "Access-Control-Allow-Origin": allowed.has("*") ? "*" : origin,
      "Access-Control-Expose-Headers": "X-Request-ID, Retry-After",
    });
    if (request.method !== "OPTIONS" || !request.get("access-control-request-method")) return next();
    response.set({
      "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
      "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-ID",
      "Access-Control-Max-Age": "600",
    });
    response.status(204).end();
  };
}
