create table courses (
  id bigint generated always as identity primary key,
  slug text not null unique check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
  title text not null check (length(title) between 1 and 200),
  summary text not null default '',
  category text not null,
  level text not null check (level in ('beginner', 'intermediate', 'advanced')),
  created_by bigint references users (id) on delete set null,
  created_at timestamptz not null default now()
);

-- Lists page by id, newest first, often within one category.
create index courses_category_idx on courses (category, id desc);
create index courses_created_by_idx on courses (created_by);
