create table enrolments (
  id bigint generated always as identity primary key,
  user_id bigint not null references users (id) on delete cascade,
  course_id bigint not null references courses (id) on delete cascade,
  progress smallint not null default 0 check (progress between 0 and 100),
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  -- Also the index for "my enrolments".
  unique (user_id, course_id)
);

create index enrolments_course_idx on enrolments (course_id) include (progress);
create index enrolments_created_at_idx on enrolments (created_at);
