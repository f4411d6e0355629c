import type { Express } from "express";
import { z } from "zod";
import type { Queryable } from "../data/pool.ts";
import { caller } from "../http/auth.ts";
import { Id, Problem, parse } from "../http/problem.ts";
import type { Parts } from "../parts.ts";

const Level = z.enum(["beginner", "intermediate", "advanced"]);
const Category = z.string().trim().min(1).max(60);
const List = z.strictObject({
  category: Category.optional(),
  level: Level.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  /** The id of the last course of the page before. */
  after: z.coerce.number().int().positive().optional(),
});
const Create = z.strictObject({
  slug: z
    .string()
    .max(80)
    .regex(
      /^[a-z0-9]+(-[a-z0-9]+)*$/,
      "Expected small letters, digits and single hyphens, as in sql-for-analysts",
    ),
  title: z.string().trim().min(1).max(200),
  summary: z.string().trim().max(2_000).default(""),
  category: Category,
  level: Level,
});

const COURSE = `c.id, c.slug, c.title, c.summary, c.category, c.level, c.created_at as "createdAt",
  coalesce(s.enrolments, 0) as enrolments, coalesce(s.completions, 0) as completions,
  s.average_score::float as "averageScore"`;
const FROM = "from courses c left join course_statistics s on s.course_id = c.id";

export function courseRoutes(app: Express, { database, courses, guard }: Parts): void {
  app.get("/api/v1/courses", async (request, response) => {
    const query = parse(List, request.query, "query");
    const page = await courses.through(JSON.stringify(Object.entries(query).sort()), (from) =>
      database.read(from, (client) => list(client, query)),
    );
    response.set("Cache-Control", "public, max-age=10").json(page);
  });

  app.get("/api/v1/courses/:id", async (request, response) => {
    const { id } = parse(Id, request.params, "path");
    const course = await courses.through(`course ${id}`, (from) =>
      database.read(from, async (client) => {
        const { rows } = await client.query(`select ${COURSE} ${FROM} where c.id = $1`, [id]);
        return rows[0] ?? null;
      }),
    );
    if (!course) throw new Problem(404, "There is no such course");
    response.json({ course });
  });

  app.post("/api/v1/courses", guard("staff"), async (request, response) => {
    const { slug, title, summary, category, level } = parse(Create, request.body, "body");
    const course = await database.write(async (client) => {
      const { rows } = await client.query(
        `insert into courses (slug, title, summary, category, level, created_by) values ($1, $2, $3, $4, $5, $6)
         on conflict (slug) do nothing
         returning id, slug, title, summary, category, level, created_at as "createdAt"`,
        [slug, title, summary, category, level, caller(response).userId],
      );
      return rows[0];
    });
    if (!course) throw new Problem(409, "This slug is taken");
    await courses.clear();
    response.status(201).location(`/api/v1/courses/${course.id}`).json({ course });
  });
}

async function list(client: Queryable, { category, level, limit, after }: z.infer<typeof List>) {
  const { rows } = await client.query<{ id: number }>(
    `select ${COURSE} ${FROM}
     where ($1::text is null or c.category = $1) and ($2::text is null or c.level = $2)
       and ($3::bigint is null or c.id < $3)
     order by c.id desc limit $4`,
    [category ?? null, level ?? null, after ?? null, limit + 1],
  );
  // One more than asked for tells whether there is a next page without counting.
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? items.at(-1)?.id : null };
}
