import type { Express } from "express";
import { z } from "zod";
import { caller } from "../http/auth.ts";
import { Problem, parse } from "../http/problem.ts";
import type { Parts } from "../parts.ts";

const Topic = z.string().trim().toLowerCase().min(1).max(60);
const List = z.strictObject({
  topic: Topic.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
const Ask = z.strictObject({ topic: Topic, goal: z.string().trim().max(500).default("") });
const MATCH = `id, mentor_id as "mentorId", topic, goal, introduction, status, created_at as "createdAt"`;

export function mentorRoutes(app: Express, { database, sessions, metrics, openai, guard }: Parts): void {
  app.get("/api/v1/mentors", async (request, response) => {
    const { topic, limit } = parse(List, request.query, "query");
    const items = await database.read("replica", async (client) => {
      const { rows } = await client.query(
        `select m.user_id as id, u.name, m.topics, m.bio
         from mentors m join users u on u.id = m.user_id
         where $1::text is null or m.topics @> array[$1::text] order by m.user_id limit $2`,
        [topic ?? null, limit],
      );
      return rows;
    });
    response.json({ items });
  });

  app.post("/api/v1/mentor-matches", guard(), async (request, response) => {
    const { userId } = caller(response);
    const { topic, goal } = parse(Ask, request.body, "body");
    // Outside the transaction: a slow service must not hold a row's lock.
    const introduction = (await openai.introduction(topic, goal)) ?? null;
    const match = await database.transaction(async (client) => {
      // The lock keeps two learners from taking a mentor's last place; those taken are passed over.
      const mentor = await client.query<{ id: number }>(
        `select m.user_id as id from mentors m
         where m.topics @> array[$1::text] and m.user_id <> $2
           and m.capacity > (select count(*) from mentor_matches x where x.mentor_id = m.user_id and x.status = 'active')
         order by (select count(*) from mentor_matches x where x.mentor_id = m.user_id and x.status = 'active'), m.user_id
         limit 1 for update of m skip locked`,
        [topic, userId],
      );
      if (!mentor.rows[0]) throw new Problem(409, "No mentor is free for this topic");
      const { rows } = await client.query(
        `insert into mentor_matches (mentor_id, learner_id, topic, goal, introduction) values ($1, $2, $3, $4, $5)
         on conflict (learner_id, topic) where status = 'active' do nothing returning ${MATCH}`,
        [mentor.rows[0].id, userId, topic, goal, introduction],
      );
      if (!rows[0]) throw new Problem(409, "You have a mentor for this topic already");
      return rows[0];
    });
    metrics.mentorMatches.inc();
    await sessions.wrote(userId);
    response.status(201).json({ match });
  });

  app.get("/api/v1/mentor-matches", guard(), async (_request, response) => {
    const { userId, readFrom } = caller(response);
    const items = await database.read(readFrom, async (client) => {
      const { rows } = await client.query(
        `select ${MATCH} from mentor_matches where learner_id = $1 or (mentor_id = $1 and status = 'active')
         order by id desc limit 200`,
        [userId],
      );
      return rows;
    });
    response.json({ items });
  });
}
