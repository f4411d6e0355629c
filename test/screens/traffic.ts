/** Learners on fkod: most read, some register, enrol, rate and ask for a mentor, a few ask for what is not there. */
import type { RunningStack } from "../e2e/engine.ts";
import { type Pace, startPace } from "../e2e/pace.ts";

type Learner = { authorization: string };

const TOPICS = ["typescript", "sql", "python", "design", "careers", "devops"];
/** Learners that are remembered: the older ones have gone to bed. */
const KEPT = 50;

/** Requests at a steady rate whatever is answered. */
export function startTraffic(stack: RunningStack, perSecond: number): Pace {
  const learners: Learner[] = [];
  return startPace(perSecond, (turn) => step(stack, learners, turn).catch(() => undefined));
}

function any(below: number): number {
  return Math.floor(Math.random() * below);
}

/** One request of a round of sixty. */
async function step(stack: RunningStack, learners: Learner[], turn: number): Promise<unknown> {
  const headers = learners[any(learners.length)];
  const post = (path: string, body: object) =>
    stack.http(`/api/v1${path}`, { method: "POST", body, ...(headers && { headers }) });
  const topic = TOPICS[any(TOPICS.length)];
  switch (turn % 60) {
    case 0:
      return register(stack, learners);
    case 10:
      return enrol(stack, headers);
    case 20:
      return post("/feedback/nps", { score: [10, 9, 9, 10, 8, 9, 6][any(7)] });
    case 30:
      return post("/mentor-matches", { topic });
    case 40:
      return stack.http("/nowhere");
    case 50:
      return post("/auth/login", { email: `user${any(2000)}@seed.fkod.com`, password: "forgotten" });
  }
  if (turn % 5 === 0) return stack.http(`/api/v1/mentors?topic=${topic}`);
  // A few courses are what most look at.
  if (turn % 3 === 0) return stack.http(`/api/v1/courses/${1 + any(turn % 10 ? 3 : 100)}`);
  if (turn % 2 === 0 && headers) return stack.http("/api/v1/me", { headers });
  return stack.http("/api/v1/courses");
}

async function register(stack: RunningStack, learners: Learner[]): Promise<void> {
  const name = `learner-${Date.now()}-${any(1e6)}`;
  const body = { email: `${name}@example.com`, name, password: "correct horse battery" };
  const answer = await stack.http("/api/v1/auth/register", { method: "POST", body });
  const { token } = answer.json<{ token?: string }>();
  if (token) learners.push({ authorization: `Bearer ${token}` });
  if (learners.length > KEPT) learners.shift();
}

async function enrol(stack: RunningStack, headers: Learner | undefined): Promise<void> {
  if (!headers) return;
  const courseId = 1 + any(100);
  await stack.http(`/api/v1/courses/${courseId}/enrolments`, { method: "POST", headers });
  const body = { courseId, score: 3 + any(3) };
  await stack.http("/api/v1/feedback/satisfaction", { method: "POST", headers, body });
}
