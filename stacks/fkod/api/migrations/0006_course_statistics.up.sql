-- Counted by the clock every five minutes, so that a list of courses counts nothing.
create table course_statistics (
  course_id bigint primary key references courses (id) on delete cascade,
  enrolments integer not null,
  completions integer not null,
  average_progress numeric(5, 2),
  average_score numeric(3, 2),
  computed_at timestamptz not null
);
