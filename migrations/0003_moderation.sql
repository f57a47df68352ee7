-- What operators and moderators decide about the relay (src/moderation). Times are Unix seconds.

-- One row. Whoever changes what the relay is told locks it first: versions rise in the order of the changes.
CREATE TABLE moderation_state (
  only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- 0 as long as nobody has decided anything.
  version         bigint  NOT NULL DEFAULT 0 CHECK (version >= 0),
  maintenance     boolean NOT NULL DEFAULT false,
  -- Of these, NULL leaves it to the configuration.
  max_connections integer CHECK (max_connections > 0),
  name            text,
  description     text,
  icon            text
);
INSERT INTO moderation_state DEFAULT VALUES;

CREATE TABLE moderation_access (
  list       text   NOT NULL CHECK (list IN (
    'banned-pubkey', 'allowed-pubkey', 'banned-event', 'allowed-kind', 'denied-kind', 'blocked-ip', 'shadow-pubkey',
    'level', 'unlimited-ip'
  )),
  -- A key, an event id, a kind, an address or a range of addresses.
  subject    text   NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 64),
  reason     text   NOT NULL CHECK (char_length(reason) <= 1000),
  level      smallint CHECK (level BETWEEN 0 AND 4),
  expires_at bigint,
  added_by   text   NOT NULL,
  added_at   bigint NOT NULL,
  PRIMARY KEY (list, subject),
  CHECK ((list = 'level') = (level IS NOT NULL)),
  CHECK (list = 'level' OR expires_at IS NULL)
);

-- What has to go from the event store. Done at once and again until the time is over, because an event may have been on
-- its way into the store while it was banned.
CREATE TABLE moderation_removals (
  what    text   NOT NULL CHECK (what IN ('event', 'author')),
  subject text   NOT NULL CHECK (subject ~ '^[0-9a-f]{64}$'),
  until   bigint NOT NULL,
  PRIMARY KEY (what, subject)
);

CREATE TABLE moderation_held_events (
  id         text   PRIMARY KEY CHECK (id ~ '^[0-9a-f]{64}$'),
  pubkey     text   NOT NULL CHECK (pubkey ~ '^[0-9a-f]{64}$'),
  -- The canonical JSON, to be stored byte by byte as its author has signed it.
  json       text   NOT NULL,
  why        text   NOT NULL,
  held_at    bigint NOT NULL,
  state      text   NOT NULL CHECK (state IN ('waiting', 'approved', 'published', 'rejected')),
  decided_by text,
  decided_at bigint,
  -- What the event store said of an approved event: 'stored', 'duplicate', 'deleted', …
  answer     text,
  CHECK ((state = 'waiting') = (decided_at IS NULL)),
  CHECK ((state = 'published') = (answer IS NOT NULL))
);
CREATE INDEX moderation_held_events_by_state ON moderation_held_events (state, held_at, id);
CREATE INDEX moderation_held_events_by_author ON moderation_held_events (pubkey, state);

-- NIP-56, one row for each target of a report.
CREATE TABLE moderation_reports (
  report_id   text    NOT NULL CHECK (report_id ~ '^[0-9a-f]{64}$'),
  subject     text    NOT NULL CHECK (subject IN ('person', 'event', 'blob')),
  target      text    NOT NULL CHECK (target ~ '^[0-9a-f]{64}$'),
  reporter    text    NOT NULL CHECK (reporter ~ '^[0-9a-f]{64}$'),
  type        text    NOT NULL,
  comment     text    NOT NULL CHECK (char_length(comment) <= 1000),
  -- How much the reporter's word counted when it came.
  weight      integer NOT NULL CHECK (weight >= 0),
  reported_at bigint  NOT NULL,
  state       text    NOT NULL CHECK (state IN ('open', 'dismissed', 'upheld')),
  decision    text,
  handled_by  text,
  handled_at  bigint,
  PRIMARY KEY (report_id, subject, target),
  CHECK ((state = 'open') = (handled_at IS NULL))
);
-- Nobody counts twice by complaining twice.
CREATE UNIQUE INDEX moderation_reports_open ON moderation_reports (subject, target, reporter) WHERE state = 'open';
CREATE INDEX moderation_reports_handled ON moderation_reports (handled_at) WHERE state <> 'open';

-- One row: reports that were stored until then have been read.
CREATE TABLE moderation_report_progress (
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  read_until bigint  NOT NULL DEFAULT 0
);
INSERT INTO moderation_report_progress DEFAULT VALUES;
