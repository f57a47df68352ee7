-- The observatory (src/observatory): relays, what they have shown, and figures over time. Hours and days are UTC and of the
-- events' own `created_at`, unless it says otherwise. Nothing of an event's content is here, and of ids and keys only the
-- first 64 bits.

-- As leadership_terms, for the process that keeps the statistics.
CREATE TABLE observatory_leadership_terms (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  term     bigint  NOT NULL DEFAULT 0 CHECK (term >= 0)
);
INSERT INTO observatory_leadership_terms DEFAULT VALUES;

-- Histograms of latencies: the n-th number (from 1) is how many measurements took from 1.15^(n-1)-1 up to 1.15^n-1 milliseconds.
CREATE FUNCTION observatory_add_latencies(integer[], integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN $1 IS NULL OR cardinality($1) = 0 THEN coalesce($2, '{}')
    WHEN $2 IS NULL OR cardinality($2) = 0 THEN $1
    ELSE (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY n) FROM unnest($1, $2) WITH ORDINALITY AS both_of (a, b, n))
  END
$$;
CREATE AGGREGATE observatory_sum_latencies(integer[]) (
  SFUNC = observatory_add_latencies, STYPE = integer[], INITCOND = '{}', PARALLEL = SAFE, COMBINEFUNC = observatory_add_latencies
);
-- The latency in milliseconds that the given share (0 … 1) of a histogram's measurements does not exceed, to 7 %; null without any.
CREATE FUNCTION observatory_latency(integer[], share double precision) RETURNS double precision
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT power(1.15, n - 0.5) - 1
    FROM (
      SELECT n, sum(count) OVER (ORDER BY n) AS until, sum(count) OVER () AS total
      FROM unnest($1) WITH ORDINALITY AS bucket (count, n)
    ) counted
    WHERE total > 0 AND until >= greatest(1, ceil(share * total))
    ORDER BY n LIMIT 1
$$;

-- Relays are never removed: their numbers stand in everything below.
CREATE TABLE relays (
  id             integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  url            text        NOT NULL COLLATE "C" UNIQUE CHECK (length(url) BETWEEN 1 AND 1024),
  origin         text        NOT NULL CHECK (origin IN ('seed', 'relay-list', 'monitor', 'operator', 'own')),
  first_seen     timestamptz NOT NULL DEFAULT now(),
  -- When it first answered as a relay does; null until then.
  proven_at      timestamptz,
  -- As the newest report has it.
  state          text        NOT NULL DEFAULT 'candidate',
  reason         text,
  reported_at    timestamptz,
  -- Everything that it has from one to the other was read, in Unix seconds.
  cursor_since   bigint,
  cursor_until   bigint,
  failures       integer     NOT NULL DEFAULT 0,
  next_try       timestamptz NOT NULL DEFAULT 'epoch',
  -- What it says of itself (NIP-11), cut to what is shown.
  information    jsonb,
  software       text,
  version        text,
  nips           integer[]   NOT NULL DEFAULT '{}',
  countries      text[]      NOT NULL DEFAULT '{}',
  -- Of the newest snapshot of the last 24 hours.
  events_24h     bigint      NOT NULL DEFAULT 0,
  last_event_at  timestamptz,
  latency_p50_ms double precision,
  latency_p95_ms double precision,
  uptime         double precision,
  health_score   double precision
) WITH (fillfactor = 60); -- Each report writes its row again: no index is touched where the page has room.

-- The state that the log of a relay has last, in each region that measures it.
CREATE TABLE relay_region_states (
  relay  integer NOT NULL,
  region text    NOT NULL,
  state  text    NOT NULL,
  PRIMARY KEY (relay, region)
) WITH (fillfactor = 70);

-- Distinct events that a relay has.
CREATE TABLE events_aggregated (
  hour   timestamptz NOT NULL,
  relay  integer     NOT NULL,
  kind   integer     NOT NULL,
  events bigint      NOT NULL,
  PRIMARY KEY (relay, hour, kind)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- Distinct events over all relays; `zaps` are receipts whose invoice says what it pays.
CREATE TABLE network_events (
  hour     timestamptz    NOT NULL,
  kind     integer        NOT NULL,
  events   bigint         NOT NULL,
  zaps     bigint         NOT NULL,
  zap_msat numeric(60, 0) NOT NULL,
  PRIMARY KEY (hour, kind)
) WITH (fillfactor = 70);

-- By NIP-89's `client` tag.
CREATE TABLE clients (
  name      text        PRIMARY KEY COLLATE "C",
  events    bigint      NOT NULL,
  kinds     integer[]   NOT NULL,
  last_seen timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE active_users (
  day       date   PRIMARY KEY,
  users     bigint NOT NULL,
  new_users bigint NOT NULL,
  -- HyperLogLog of the day's users (NIP-45): the greatest of two, byte by byte, is that of both together.
  registers bytea  NOT NULL
) WITH (fillfactor = 70);

-- By the hour in which it was measured, in each region.
CREATE TABLE relay_hours (
  hour              timestamptz      NOT NULL,
  relay             integer          NOT NULL,
  region            text             NOT NULL,
  watched_seconds   double precision NOT NULL,
  connected_seconds double precision NOT NULL,
  -- Of REQs to their first answer, and of pings.
  latencies         integer[]        NOT NULL,
  PRIMARY KEY (relay, hour, region)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- Offences (level warn) and changes of state (level info), by the hour in which they came.
CREATE TABLE relay_logs (
  relay   integer     NOT NULL,
  hour    timestamptz NOT NULL,
  what    text        NOT NULL COLLATE "C",
  level   text        NOT NULL CHECK (level IN ('info', 'warn')),
  count   bigint      NOT NULL,
  last_at timestamptz NOT NULL,
  detail  text,
  PRIMARY KEY (relay, hour, what)
) WITH (fillfactor = 70);
CREATE INDEX relay_logs_by_hour ON relay_logs USING brin (hour);

CREATE TABLE statistics_snapshots (
  range    text        NOT NULL CHECK (range IN ('24h', '7d', '30d', '90d', 'all')),
  taken_at timestamptz NOT NULL,
  -- As `encodeSnapshot` writes it; millisatoshi are texts.
  body     jsonb       NOT NULL,
  PRIMARY KEY (range, taken_at)
);
CREATE INDEX statistics_snapshots_by_age ON statistics_snapshots (taken_at);

-- Deliveries that were taken, by a hash of all that is in them: a collector that did not hear of it delivers again.
CREATE TABLE observation_deliveries (
  id           uuid        PRIMARY KEY,
  delivered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX observation_deliveries_by_age ON observation_deliveries USING brin (delivered_at) WITH (pages_per_range = 16);

-- What collectors have delivered since the checkpoint, counted (`applied`) or not yet.
CREATE TABLE observation_batches (
  seq          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  collector    text        NOT NULL,
  region       text        NOT NULL,
  delivered_at timestamptz NOT NULL DEFAULT now(),
  -- Columns of `ObservationBatch`.
  observations bytea       NOT NULL,
  reports      jsonb       NOT NULL,
  -- The number of the transaction that added what it changes to the tables; rises. Null before.
  applied      bigint,
  -- Why it never will be; it is kept for an operator to look at.
  set_aside    text
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Numbers of 64 bits do not get smaller by being compressed, and time is short.
ALTER TABLE observation_batches ALTER observations SET STORAGE EXTERNAL;
CREATE INDEX observation_batches_waiting ON observation_batches (seq) WHERE applied IS NULL AND set_aside IS NULL;
CREATE INDEX observation_batches_applied ON observation_batches (applied, seq) WHERE applied IS NOT NULL;

-- The state of the statistics behind the transaction `applied`, in pieces; one checkpoint at a time.
CREATE TABLE observatory_checkpoints (
  number   bigint      NOT NULL,
  chunk    integer     NOT NULL,
  chunks   integer     NOT NULL CHECK (chunks > chunk),
  applied  bigint      NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT now(),
  body     bytea       NOT NULL,
  PRIMARY KEY (number, chunk)
);
ALTER TABLE observatory_checkpoints ALTER body SET STORAGE EXTERNAL;

-- Fingerprints of what was counted until the checkpoint, eight bytes each, by the day of the events.
CREATE TABLE observatory_fingerprints (
  day          date   NOT NULL,
  part         bigint NOT NULL,
  fingerprints bytea  NOT NULL,
  PRIMARY KEY (day, part)
);
ALTER TABLE observatory_fingerprints ALTER fingerprints SET STORAGE EXTERNAL;

-- Each relay that proved itself: how it is now, and how it was in the last seven days, all regions together.
CREATE VIEW relay_health_summary AS
  SELECT r.id AS relay, r.url, r.state, r.reason, r.software, r.version, r.countries, r.first_seen, r.last_event_at, r.health_score,
      r.events_24h, h.watched_seconds, h.connected_seconds, h.connected_seconds / nullif(h.watched_seconds, 0) AS uptime,
      observatory_latency(h.latencies, 0.5) AS latency_p50_ms, observatory_latency(h.latencies, 0.95) AS latency_p95_ms,
      coalesce(l.offences, 0) AS offences
    FROM relays r
    LEFT JOIN (
      SELECT relay, sum(watched_seconds) AS watched_seconds, sum(connected_seconds) AS connected_seconds,
          observatory_sum_latencies(latencies) AS latencies
        FROM relay_hours WHERE hour >= now() - interval '7 days' GROUP BY relay
    ) h ON h.relay = r.id
    LEFT JOIN (
      SELECT relay, sum(count)::bigint AS offences FROM relay_logs
        WHERE level = 'warn' AND hour >= now() - interval '7 days' GROUP BY relay
    ) l ON l.relay = r.id
    WHERE r.proven_at IS NOT NULL;

-- Each day (UTC) that events are from, over all relays.
CREATE VIEW daily_network_stats AS
  SELECT e.day, e.events, e.zaps, e.zap_msat, coalesce(u.users, 0) AS users, coalesce(u.new_users, 0) AS new_users,
      coalesce(a.relays, 0) AS relays, coalesce(a.relay_events, 0) AS relay_events
    FROM (
      SELECT (hour AT TIME ZONE 'UTC')::date AS day, sum(events)::bigint AS events, sum(zaps)::bigint AS zaps, sum(zap_msat) AS zap_msat
        FROM network_events GROUP BY 1
    ) e
    LEFT JOIN active_users u ON u.day = e.day
    LEFT JOIN (
      SELECT (hour AT TIME ZONE 'UTC')::date AS day, count(DISTINCT relay) AS relays, sum(events)::bigint AS relay_events
        FROM events_aggregated GROUP BY 1
    ) a ON a.day = e.day;
