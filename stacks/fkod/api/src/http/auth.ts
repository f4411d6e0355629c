import { randomUUID } from "node:crypto";
import type { NextFunction, Request, Response } from "express";
import jwt from "jsonwebtoken";
import { z } from "zod";
import type { ReadFrom } from "../data/database.ts";
import type { Session, Sessions } from "../data/sessions.ts";
import { Problem } from "./problem.ts";

const Claims = z.object({ sub: z.coerce.number().int(), jti: z.uuid() });

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** "7d" in seconds. */
export function seconds(duration: string): number {
  return Number(duration.slice(0, -1)) * SECONDS[duration.slice(-1) as keyof typeof SECONDS];
}

export type Tokens = {
  issue(user: Session): Promise<{ token: string; expiresAt: string }>;
  verify(token: string): { sub: number; jti: string };
};

export function createTokens(secret: string, expiry: string, sessions: Sessions): Tokens {
  const life = seconds(expiry);
  return {
    async issue(user) {
      const jti = randomUUID();
      await sessions.start(jti, user, life);
      const token = jwt.sign({}, secret, {
        algorithm: "HS256",
        subject: String(user.userId),
        jwtid: jti,
        expiresIn: life,
        issuer: "fkod",
      });
      return { token, expiresAt: new Date(Date.now() + life * 1_000).toISOString() };
    },
    verify(token) {
      try {
        return Claims.parse(jwt.verify(token, secret, { algorithms: ["HS256"], issuer: "fkod" }));
      } catch {
        throw unauthorised("The token is not valid or has expired");
      }
    },
  };
}

function unauthorised(detail: string): Problem {
  return new Problem(401, "Sign in first", detail, {}, { "WWW-Authenticate": 'Bearer realm="fkod"' });
}

/** Express middleware that lets only signed-in users pass, optionally only those of a role. */
export function createGuard(tokens: Tokens, sessions: Sessions) {
  return (role?: Session["role"]) => async (request: Request, response: Response, next: NextFunction) => {
    const token = request.get("authorization")?.match(/^Bearer (\S+)$/i)?.[1];
    if (!token) throw unauthorised("The Authorization header has no bearer token");
    const claims = tokens.verify(token);
    const found = await sessions.find(claims.jti, claims.sub);
    if (!found || found.session.userId !== claims.sub) throw unauthorised("The session has ended");
    response.locals.userId = claims.sub;
    response.locals.sessionId = claims.jti;
    response.locals.readFrom = found.readFrom;
    response.set("Cache-Control", "no-store");
    if (role && found.session.role !== role)
      throw new Problem(403, "This is not for you", `It needs the role ${role}`);
    next();
  };
}
export type Guard = ReturnType<typeof createGuard>;

/** Who asks, as the guard found out. */
export function caller(response: Response): { userId: number; sessionId: string; readFrom: ReadFrom } {
  const { userId, sessionId, readFrom } = response.locals;
  return { userId, sessionId, readFrom };
}
