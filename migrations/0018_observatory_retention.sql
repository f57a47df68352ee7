-- What the observatory keeps for how long (src/observatory/records/README.md): fingerprints of old days go, hours become days, and
-- a checkpoint that cannot be read has one before it.

-- Observations of events of days before `first_day` are in no figure, since their fingerprints may be gone: it holds for what was
-- applied with this number and later ones, until the next row. Without a row for a number every day counts.
CREATE TABLE observatory_first_days (
  applied   bigint PRIMARY KEY,
  first_day date   NOT NULL
);

-- How many of those there were.
CREATE TABLE observatory_too_old (
  only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  observations bigint  NOT NULL DEFAULT 0 CHECK (observations >= 0)
);
INSERT INTO observatory_too_old DEFAULT VALUES;

-- In events_aggregated and relay_hours, a row of a day before `first_hourly` that is of its first hour (UTC) is of the whole day.
-- Until `folded_before` there are no others; from there to `first_hourly` none of relays up to `relay`. It is before all events.
CREATE TABLE observatory_folding (
  only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  folded_before date    NOT NULL DEFAULT '2020-01-01',
  first_hourly  date    NOT NULL DEFAULT '2020-01-01' CHECK (first_hourly >= folded_before),
  relay         integer NOT NULL DEFAULT 0
);
INSERT INTO observatory_folding DEFAULT VALUES;

-- The newest checkpoint and the one before it.
ALTER TABLE observatory_checkpoints
  -- SHA-256 of `body`; null where an earlier version wrote it.
  ADD digest     bytea,
  -- Why the program could not go on from it, and could from no other either.
  ADD unreadable text;

-- Checkpoints that could not be read, kept to be looked at.
CREATE TABLE observatory_damaged_checkpoints (
  number       bigint      NOT NULL,
  chunk        integer     NOT NULL,
  chunks       integer     NOT NULL,
  applied      bigint      NOT NULL,
  taken_at     timestamptz NOT NULL,
  body         bytea       NOT NULL,
  digest       bytea,
  reason       text        NOT NULL,
  set_aside_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (number, chunk)
);
ALTER TABLE observatory_damaged_checkpoints ALTER body SET STORAGE EXTERNAL;

-- The same sums as before: a third of the time that it took in SQL.
CREATE OR REPLACE FUNCTION observatory_add_latencies(integer[], integer[]) RETURNS integer[]
  LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  sums  integer[] := $1;
  count integer := coalesce(cardinality($1), 0);
  more  integer := coalesce(cardinality($2), 0);
BEGIN
  IF count = 0 THEN RETURN coalesce($2, '{}'); END IF;
  IF more = 0 THEN RETURN $1; END IF;
  FOR n IN 1 .. least(count, more) LOOP
    sums[n] := sums[n] + $2[n];
  END LOOP;
  IF more > count THEN sums := sums || $2[count + 1 : more]; END IF;
  RETURN sums;
END
$$;
