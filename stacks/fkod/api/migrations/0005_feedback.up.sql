create table satisfaction (
  id bigint generated always as identity primary key,
  user_id bigint not null references users (id) on delete cascade,
  course_id bigint not null references courses (id) on delete cascade,
  score smallint not null check (score between 1 and 5),
  comment text,
  created_at timestamptz not null default now(),
  unique (user_id, course_id)
);

create index satisfaction_course_idx on satisfaction (course_id) include (score);

create table nps_responses (
  id bigint generated always as identity primary key,
  user_id bigint not null references users (id) on delete cascade,
  score smallint not null check (score between 0 and 10),
  comment text,
  created_at timestamptz not null default now()
);

create index nps_responses_user_idx on nps_responses (user_id);
create index nps_responses_created_at_idx on nps_responses (created_at);
