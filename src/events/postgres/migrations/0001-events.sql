-- The events, their tags, and one row that says how far the store has come. Every name is found through the
-- search path, which is the schema of the store while this runs.

-- The row is locked by whoever writes, until the commit: seq therefore rises in the order of the commits.
create table state (
  only_row boolean primary key default true check (only_row),
  last_seq bigint not null,
  events bigint not null,
  -- Of two states the later one has made more changes.
  changes bigint not null
);
insert into state (last_seq, events, changes) values (0, 0, 0);

create table event (
  seq bigint primary key,
  id bytea not null,
  pubkey bytea not null,
  kind integer not null,
  created_at bigint not null,
  -- Seconds (NIP-40).
  expires_at bigint,
  -- Of a replaceable or addressable event, the hash of its address.
  address uuid,
  -- Hashes of its words, where a search may look for it (NIP-50).
  words integer[],
  -- The canonical JSON.
  raw bytea not null
);
create unique index event_id on event (id);
-- In the order of the answers, so that a page is read from its place on, however many events share a second. The first
-- holds all that a page is chosen by: follow lists of thousands of authors read many entries and few events.
create index event_author_kind on event (pubkey, kind, created_at desc, id) include (seq, expires_at);
create index event_author on event (pubkey, created_at desc, id);
create index event_kind on event (kind, created_at desc, id);
create index event_time on event (created_at desc, id);
create index event_address on event (address) where address is not null;
create index event_expiry on event (expires_at) where expires_at is not null;
create index event_words on event using gin (words) where words is not null;

-- The first value of every tag with a name of one letter.
create table tag (
  -- The hash of the name and the value.
  key uuid not null,
  created_at bigint not null,
  seq bigint not null,
  kind integer not null
);
create index tag_key on tag (key, created_at, seq) include (kind);
create index tag_seq on tag (seq);

-- What each process wrote last. One whose connection broke during a commit reads here whether it was done.
create table writer (
  id uuid primary key,
  last_group bigint not null,
  seen_at timestamptz not null default now()
);
