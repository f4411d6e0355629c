import type { Express } from "express";
import { z } from "zod";
import { caller } from "../http/auth.ts";
import { Id, Problem, parse } from "../http/problem.ts";
import type { Parts } from "../parts.ts";

const Progress = z.strictObject({ progress: z.number().int().min(0).max(100) });
const ENROLMENT = `id, course_id as "courseId", progress, created_at as "createdAt", completed_at as "completedAt"`;

export function enrolmentRoutes(app: Express, { database, sessions, metrics, guard }: Parts): void {
  app.post("/api/v1/courses/:id/enrolments", guard(), async (request, response) => {
    const { userId } = caller(response);
    const { id: courseId } = parse(Id, request.params, "path");
    const { enrolment, made } = await database.write(async (client) => {
      const inserted = await client
        .query(
          `insert into enrolments (user_id, course_id) values ($1, $2)
           on conflict (user_id, course_id) do nothing returning ${ENROLMENT}`,
          [userId, courseId],
        )
        .catch((error) => {
          if (error.code === "23503") throw new Problem(404, "There is no such course");
          throw error;
        });
      if (inserted.rows[0]) return { enrolment: inserted.rows[0], made: true };
      // Enrolling twice is one enrolment: a client that saw no answer may ask again.
      const { rows } = await client.query(
        `select ${ENROLMENT} from enrolments where user_id = $1 and course_id = $2`,
        [userId, courseId],
      );
      return { enrolment: rows[0], made: false };
    });
    if (made) metrics.enrolments.inc();
    await sessions.wrote(userId);
    response.status(made ? 201 : 200).json({ enrolment });
  });

  app.get("/api/v1/enrolments", guard(), async (_request, response) => {
    const { userId, readFrom } = caller(response);
    const items = await database.read(readFrom, async (client) => {
      const { rows } = await client.query(
        `select e.id, e.course_id as "courseId", c.title, e.progress, e.created_at as "createdAt",
                e.completed_at as "completedAt"
         from enrolments e join courses c on c.id = e.course_id
         where e.user_id = $1 order by e.id desc limit 200`,
        [userId],
      );
      return rows;
    });
    response.json({ items });
  });

  app.patch("/api/v1/enrolments/:id", guard(), async (request, response) => {
    const { userId } = caller(response);
    const { id } = parse(Id, request.params, "path");
    const { progress } = parse(Progress, request.body, "body");
    const enrolment = await database.write(async (client) => {
      const { rows } = await client.query(
        `update enrolments
         set progress = $3::smallint,
             completed_at = case when $3::smallint = 100 then coalesce(completed_at, now()) end
         where id = $1 and user_id = $2 returning ${ENROLMENT}`,
        [id, userId, progress],
      );
      return rows[0];
    });
    // Another's enrolment is as good as none: whether it exists is nobody else's business.
    if (!enrolment) throw new Problem(404, "There is no such enrolment");
    await sessions.wrote(userId);
    response.json({ enrolment });
  });
}
