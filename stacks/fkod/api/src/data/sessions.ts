import type { Redis } from "ioredis";
import { z } from "zod";
import type { ReadFrom } from "./database.ts";

/** What a session holds; the token only names it, so that a logout ends it at once. */
export const Session = z.object({
  userId: z.number(),
  role: z.enum(["learner", "mentor", "staff"]),
});
export type Session = z.infer<typeof Session>;

/** How long a user who wrote reads from the primary. A replica further behind than this is an alert's matter. */
const OWN_WRITES_SECONDS = 5;

export type Sessions = {
  start(id: string, session: Session, seconds: number): Promise<void>;
  /** The session and where its reads go, in one round trip; undefined where it has ended. */
  find(id: string, userId: number): Promise<{ session: Session; readFrom: ReadFrom } | undefined>;
  end(id: string): Promise<void>;
  /** Remembers that this user wrote. */
  wrote(userId: number): Promise<void>;
  /** Counts one more failed login; true where there were too many in the last quarter of an hour. */
  failedLogin(email: string): Promise<void>;
  tooManyFailures(email: string): Promise<boolean>;
};

const FAILURES_ALLOWED = 10;

export function createSessions(redis: Redis): Sessions {
  const key = (id: string) => `session:${id}`;
  const wroteKey = (userId: number) => `wrote:${userId}`;
  const failuresKey = (email: string) => `login-failures:${email.toLowerCase()}`;
  return {
    async start(id, session, seconds) {
      await redis.set(key(id), JSON.stringify(session), "EX", seconds);
    },
    async find(id, userId) {
      const [found, wrote] = await redis.mget(key(id), wroteKey(userId));
      if (!found) return undefined;
      return { session: Session.parse(JSON.parse(found)), readFrom: wrote ? "primary" : "replica" };
    },
    async end(id) {
      await redis.del(key(id));
    },
    async wrote(userId) {
      // The write is done; where this fails the user may see old data for a moment.
      await redis.set(wroteKey(userId), "1", "EX", OWN_WRITES_SECONDS).catch(() => {});
    },
    async failedLogin(email) {
      await redis.multi().incr(failuresKey(email)).expire(failuresKey(email), 900, "NX").exec();
    },
    async tooManyFailures(email) {
      return Number(await redis.get(failuresKey(email))) >= FAILURES_ALLOWED;
    },
  };
}
