import type { Express } from "express";
import { z } from "zod";
import { caller } from "../http/auth.ts";
import { Problem, parse } from "../http/problem.ts";
import type { Parts } from "../parts.ts";

const Comment = z.string().trim().max(1_000).optional();
const Satisfaction = z.strictObject({
  courseId: z.number().int().positive(),
  score: z.number().int().min(1).max(5),
  comment: Comment,
});
const Nps = z.strictObject({ score: z.number().int().min(0).max(10), comment: Comment });

export function feedbackRoutes(app: Express, { database, metrics, guard }: Parts): void {
  app.post("/api/v1/feedback/satisfaction", guard(), async (request, response) => {
    const { courseId, score, comment } = parse(Satisfaction, request.body, "body");
    const first = await database.write(async (client) => {
      const { rows } = await client.query<{ first: boolean }>(
        `insert into satisfaction (user_id, course_id, score, comment)
         select user_id, course_id, $3, $4 from enrolments where user_id = $1 and course_id = $2
         on conflict (user_id, course_id) do update set score = excluded.score, comment = excluded.comment
         returning xmax = 0 as first`,
        [caller(response).userId, courseId, score, comment ?? null],
      );
      return rows[0]?.first;
    });
    if (first === undefined) throw new Problem(403, "Only those enrolled may rate a course");
    // A changed mind is stored, but a histogram cannot take a score back.
    if (first) metrics.satisfaction.observe(score);
    response.status(first ? 201 : 200).json({ courseId, score });
  });

  app.post("/api/v1/feedback/nps", guard(), async (request, response) => {
    const { score, comment } = parse(Nps, request.body, "body");
    await database.write((client) =>
      client.query("insert into nps_responses (user_id, score, comment) values ($1, $2, $3)", [
        caller(response).userId,
        score,
        comment ?? null,
      ]),
    );
    const kind = npsKind(score);
    metrics.nps.inc({ kind });
    response.status(201).json({ score, kind });
  });
}

/** Bain's borders: 9 and 10 promote, 7 and 8 are passive. */
export function npsKind(score: number): "promoter" | "passive" | "detractor" {
  return score >= 9 ? "promoter" : score >= 7 ? "passive" : "detractor";
}
