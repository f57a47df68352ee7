-- Tiers of the observatory's API (src/observatory/api/tiers). Months are UTC, `2026-11`; times are Unix seconds.

-- What an API key is subscribed to, and what was paid for it last. The posting in the ledger is in the same transaction.
CREATE TABLE observatory_api_subscriptions (
  key_id     text         PRIMARY KEY,
  -- Whose relay credit pays.
  owner      nostr_pubkey NOT NULL,
  -- What the next month is charged for.
  tier       text         NOT NULL CHECK (char_length(tier) BETWEEN 1 AND 40),
  state      text         NOT NULL CHECK (state IN ('active', 'lapsed', 'ended')),
  -- What the key has until the end of that month, whatever its state.
  paid_tier  text,
  paid_month text         CHECK (paid_month ~ '^\d{4}-\d\d$'),
  -- The first month that could not be paid.
  lapsed_month text       CHECK (lapsed_month ~ '^\d{4}-\d\d$'),
  changed_at bigint       NOT NULL,
  CHECK ((paid_tier IS NULL) = (paid_month IS NULL)),
  CHECK (state <> 'active' OR paid_month IS NOT NULL),
  CHECK ((state = 'lapsed') = (lapsed_month IS NOT NULL))
);
CREATE INDEX observatory_api_subscriptions_due ON observatory_api_subscriptions (key_id) WHERE state <> 'ended';

-- Requests by key and day (days since 1970); written some seconds late, for people to look at.
CREATE TABLE observatory_api_usage (
  key_id   text    NOT NULL,
  day      integer NOT NULL,
  requests bigint  NOT NULL CHECK (requests > 0),
  PRIMARY KEY (key_id, day)
);
CREATE INDEX observatory_api_usage_by_day ON observatory_api_usage (day);
