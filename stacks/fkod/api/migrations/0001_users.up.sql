create table users (
  id bigint generated always as identity primary key,
  email text not null,
  name text not null check (length(name) between 1 and 120),
  password_hash text not null,
  role text not null default 'learner' check (role in ('learner', 'mentor', 'staff')),
  -- Null until the welcome email is in the worker's queue; the clock looks for forgotten ones.
  welcome_queued_at timestamptz,
  created_at timestamptz not null default now()
);

-- Addresses differ by case only in theory, and two accounts for one person are a support case.
create unique index users_email_key on users (lower(email));
create index users_created_at_idx on users (created_at);
create index users_welcome_idx on users (created_at) where welcome_queued_at is null;
