import bcrypt from "bcryptjs";
import type { Express } from "express";
import { z } from "zod";
import type { Session } from "../data/sessions.ts";
import { caller } from "../http/auth.ts";
import { Problem, parse } from "../http/problem.ts";
import type { Parts } from "../parts.ts";

const Email = z.email().max(254);
const Register = z.strictObject({
  email: Email,
  name: z.string().trim().min(1).max(120),
  password: z
    .string()
    .min(10)
    // bcrypt reads 72 bytes; cutting silently would make a long passphrase weaker than its owner thinks.
    .refine((password) => Buffer.byteLength(password) <= 72, "Too long: expected at most 72 bytes"),
});
const Login = z.strictObject({ email: Email, password: z.string().min(1).max(256) });

type User = { id: number; email: string; name: string; role: Session["role"]; createdAt: Date };
const USER = `id, email, name, role, created_at as "createdAt"`;

export function authRoutes(app: Express, parts: Parts): void {
  const { database, sessions, tokens, queue, metrics, log, guard, env } = parts;
  // Compared against where no such user exists, so that the time taken does not tell.
  const nobody = bcrypt.hash("nobody's password", env.BCRYPT_COST);

  app.post("/api/v1/auth/register", async (request, response) => {
    const { email, name, password } = parse(Register, request.body, "body");
    const hash = await bcrypt.hash(password, env.BCRYPT_COST);
    const user = await database.write(async (client) => {
      const { rows } = await client.query<User>(
        `insert into users (email, name, password_hash) values ($1, $2, $3)
         on conflict (lower(email)) do nothing returning ${USER}`,
        [email, name, hash],
      );
      return rows[0];
    });
    if (!user) throw new Problem(409, "This email address is taken");
    metrics.registrations.inc();
    await welcome(user.id);
    await sessions.wrote(user.id);
    const issued = await tokens.issue({ userId: user.id, role: user.role });
    response
      .status(201)
      .set("Cache-Control", "no-store")
      .json({ user, ...issued });
  });

  /** Where this fails the clock finds the user later: a registration does not depend on an email. */
  async function welcome(userId: number): Promise<void> {
    try {
      await queue.add({ kind: "welcome-email", userId });
      await database.write((client) =>
        client.query("update users set welcome_queued_at = now() where id = $1", [userId]),
      );
    } catch (error) {
      log.warn({ err: error as Error, "user.id": String(userId) }, "the welcome email is left to the clock");
    }
  }

  app.post("/api/v1/auth/login", async (request, response) => {
    const { email, password } = parse(Login, request.body, "body");
    if (await sessions.tooManyFailures(email))
      throw new Problem(
        429,
        "Too many failed logins",
        "Try again in 15 minutes",
        {},
        { "Retry-After": "900" },
      );
    // From the primary: people log in right after they registered.
    const found = await database.read("primary", async (client) => {
      const { rows } = await client.query<User & { hash: string }>(
        `select ${USER}, password_hash as hash from users where lower(email) = lower($1)`,
        [email],
      );
      return rows[0];
    });
    const right = await bcrypt.compare(password, found?.hash ?? (await nobody));
    if (!found || !right) {
      await sessions.failedLogin(email);
      throw new Problem(401, "The email address or the password is wrong");
    }
    const { hash: _, ...user } = found;
    const issued = await tokens.issue({ userId: user.id, role: user.role });
    response.set("Cache-Control", "no-store").json({ user, ...issued });
  });

  app.post("/api/v1/auth/logout", guard(), async (_request, response) => {
    await sessions.end(caller(response).sessionId);
    response.status(204).end();
  });

  app.get("/api/v1/me", guard(), async (_request, response) => {
    const { userId, readFrom } = caller(response);
    const user = await database.read(readFrom, async (client) => {
      const { rows } = await client.query<User>(`select ${USER} from users where id = $1`, [userId]);
      return rows[0];
    });
    if (!user) throw new Problem(404, "This user does not exist any more");
    response.json({ user });
  });
}
