create table mentors (
  user_id bigint primary key references users (id) on delete cascade,
  topics text[] not null,
  capacity smallint not null default 5 check (capacity >= 0),
  bio text not null default ''
);

create index mentors_topics_idx on mentors using gin (topics);

create table mentor_matches (
  id bigint generated always as identity primary key,
  mentor_id bigint not null references mentors (user_id) on delete cascade,
  learner_id bigint not null references users (id) on delete cascade,
  topic text not null,
  goal text not null default '',
  introduction text,
  status text not null default 'active' check (status in ('active', 'ended')),
  created_at timestamptz not null default now(),
  check (mentor_id <> learner_id)
);

-- One active mentor for a learner and a topic, whatever two clicks at once may do.
create unique index mentor_matches_active_key on mentor_matches (learner_id, topic) where status = 'active';
create index mentor_matches_mentor_idx on mentor_matches (mentor_id) where status = 'active';
create index mentor_matches_created_at_idx on mentor_matches (created_at);
