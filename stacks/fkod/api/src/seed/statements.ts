export type Amounts = {
  users: number;
  mentors: number;
  courses: number;
  enrolments: number;
  matches: number;
};

export function amounts(scale: number): Amounts {
  const some = (count: number) => Math.max(1, Math.round(count * scale));
  return {
    users: some(2_000),
    mentors: some(160),
    courses: some(120),
    // About one in twenty asks for a course that its user has, and is dropped: 15,000 remain.
    enrolments: some(15_800),
    matches: some(800),
  };
}

type Statement = { table: string; sql: string; values: unknown[] };

/** A number from 0 up to `below`, the same for the same salt and g on every server and version. */
const pick = (salt: string, below: string | number, g = "g") =>
  `(('x' || substr(md5('${salt}' || ${g}), 1, 8))::bit(32)::bigint % (${below}))`;
const oneOf = (salt: string, values: string[]) =>
  `(array[${values.map((value) => `'${value}'`).join(", ")}])[1 + ${pick(salt, values.length)}]`;

const FIRST = [
  "Ada",
  "Amara",
  "Bruno",
  "Chen",
  "Dalia",
  "Emeka",
  "Farah",
  "Goran",
  "Hana",
  "Ines",
  "Jonas",
  "Keiko",
];
const LAST = [
  "Abebe",
  "Bauer",
  "Costa",
  "Diallo",
  "Eriksen",
  "Fofana",
  "Garcia",
  "Haddad",
  "Ivanova",
  "Jansen",
];
const TOPICS = ["typescript", "sql", "python", "design", "careers", "devops"];
const CATEGORIES = ["programming", "data", "design", "business", "infrastructure"];

/** Rows are made inside PostgreSQL: a hundred thousand of them cross no network. Dates lie in the last 180 days. */
export function seedStatements(
  { users, mentors, courses, enrolments, matches }: Amounts,
  hash: string,
): Statement[] {
  const ago = (salt: string) => `now() - make_interval(mins => ${pick(salt, 180 * 1_440)}::int)`;
  const user = (expression: string) =>
    `(select id from users where email = 'user' || ${expression} || '@seed.fkod.com')`;
  const named = `${oneOf("first", FIRST)} || ' ' || ${oneOf("last", LAST)}`;
  return [
    {
      table: "users",
      sql: `insert into users (email, name, password_hash, role, welcome_queued_at, created_at)
        select 'user' || g || '@seed.fkod.com', ${named}, $1,
               case when g <= $2 then 'mentor' else 'learner' end, now(), ${ago("joined")}
        from generate_series(1, $3) g on conflict (lower(email)) do nothing`,
      values: [hash, mentors, users],
    },
    {
      table: "users",
      sql: `insert into users (email, name, password_hash, role, welcome_queued_at)
        values ('staff@seed.fkod.com', 'Sam Staff', $1, 'staff', now()) on conflict (lower(email)) do nothing`,
      values: [hash],
    },
    {
      table: "mentors",
      sql: `insert into mentors (user_id, topics, capacity, bio)
        select ${user("g")}, array(select distinct t from unnest(array[${oneOf("topic", TOPICS)}, ${oneOf("second", TOPICS)}]) t order by t),
               5 + ${pick("capacity", 10)}, 'Happy to help.'
        from generate_series(1, $1) g on conflict (user_id) do nothing`,
      values: [Math.min(mentors, users)],
    },
    {
      table: "courses",
      sql: `insert into courses (slug, title, summary, category, level, created_by, created_at)
        select 'course-' || g, initcap(${oneOf("topic", TOPICS)}) || ' in practice ' || g,
               'Lessons, exercises and a project.', ${oneOf("category", CATEGORIES)},
               ${oneOf("level", ["beginner", "intermediate", "advanced"])},
               (select id from users where email = 'staff@seed.fkod.com'), ${ago("published")}
        from generate_series(1, $1) g on conflict (slug) do nothing`,
      values: [courses],
    },
    {
      table: "enrolments",
      // Squared, so that few courses are popular and most are not.
      sql: `insert into enrolments (user_id, course_id, progress, created_at, completed_at)
        select u.id, c.id, p.progress, t.at, case when p.progress = 100 then t.at + interval '20 days' end
        from (
          select g, 1 + (g * 7919) % $2 as u,
                 1 + floor(power(${pick("course", 10_000)} / 10000.0, 2) * $3)::int as c
          from generate_series(1, $1) g) x
        join users u on u.email = 'user' || x.u || '@seed.fkod.com'
        join courses c on c.slug = 'course-' || x.c
        cross join lateral (select least(100, ${pick("progress", 140, "x.g")})::int as progress) p
        cross join lateral (select now() - make_interval(mins => ${pick("enrolled", 180 * 1_440, "x.g")}::int) as at) t
        on conflict (user_id, course_id) do nothing`,
      values: [enrolments, users, courses],
    },
    {
      table: "mentor_matches",
      sql: `insert into mentor_matches (mentor_id, learner_id, topic, goal, created_at)
        select m.user_id, ${user("(x.l)")}, m.topics[1], 'Get unstuck', x.at
        from (
          select 1 + g % $2 as m, $2 + 1 + (g * 31) % greatest($3 - $2, 1) as l, ${ago("matched")} as at
          from generate_series(1, $1) g) x
        join mentors m on m.user_id = ${user("(x.m)")}
        where exists (select from users where email = 'user' || x.l || '@seed.fkod.com')
        on conflict (learner_id, topic) where status = 'active' do nothing`,
      values: [matches, Math.min(mentors, users), users],
    },
    {
      table: "satisfaction",
      sql: `insert into satisfaction (user_id, course_id, score, created_at)
        select user_id, course_id, 3 + least(2, ${pick("score", 5, "(user_id || '-' || course_id)")})::int, completed_at
        from enrolments where completed_at is not null on conflict (user_id, course_id) do nothing`,
      values: [],
    },
    {
      table: "nps_responses",
      sql: `insert into nps_responses (user_id, score, created_at)
        select id, 4 + ${pick("nps", 7, "email")}::int, created_at + interval '14 days'
        from users u where email like 'user%@seed.fkod.com' and ${pick("asked", 3, "email")} = 0
          and not exists (select from nps_responses n where n.user_id = u.id)`,
      values: [],
    },
  ];
}
