import type { Queryable } from "../data/pool.ts";
import type { Base } from "../parts.ts";
import type { Task } from "./schedule.ts";

export function clockTasks({ database, queue, log }: Pick<Base, "database" | "queue" | "log">): Task[] {
  /** Of several clocks one runs a task; the lock ends with the transaction, even where its clock dies. */
  const alone = (lock: number, work: (client: Queryable) => Promise<unknown>) =>
    database.transaction(async (client) => {
      const { rows } = await client.query<{ mine: boolean }>(
        "select pg_try_advisory_xact_lock($1, $2) as mine",
        [730_555, lock],
      );
      if (rows[0]?.mine) await work(client);
    });

  return [
    {
      name: "course-statistics",
      everySeconds: 300,
      run: () => alone(1, (client) => client.query(COURSE_STATISTICS)),
    },
    {
      name: "forgotten-welcomes",
      everySeconds: 60,
      run: () =>
        alone(2, async (client) => {
          // A minute's grace for registrations that are just under way.
          const { rows } = await client.query<{ id: number }>(
            `update users set welcome_queued_at = now() where id in (
               select id from users where welcome_queued_at is null and created_at < now() - interval '1 minute'
               order by created_at limit 500)
             returning id`,
          );
          // A failure rolls the update back: an email twice is better than none.
          for (const { id } of rows) await queue.add({ kind: "welcome-email", userId: id });
          if (rows.length > 0) log.info(`queued ${rows.length} forgotten welcome email(s)`);
        }),
    },
  ];
}

const COURSE_STATISTICS = `
  insert into course_statistics
    (course_id, enrolments, completions, average_progress, average_score, computed_at)
  select c.id, coalesce(e.enrolments, 0), coalesce(e.completions, 0), e.progress, s.score, now()
  from courses c
  left join (
    select course_id, count(*) as enrolments, count(*) filter (where progress = 100) as completions,
           avg(progress) as progress
    from enrolments group by course_id) e on e.course_id = c.id
  left join (select course_id, avg(score) as score from satisfaction group by course_id) s on s.course_id = c.id
  on conflict (course_id) do update set
    enrolments = excluded.enrolments, completions = excluded.completions,
    average_progress = excluded.average_progress, average_score = excluded.average_score,
    computed_at = excluded.computed_at`;
