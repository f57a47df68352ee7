-- The Interledger node (src/interledger/node): whom it exchanges packets with, where it sends what, and payments that began
-- here. Times are Unix milliseconds unless they say seconds. Amounts are in the smallest unit of their asset.

-- As leadership_terms, for the process that is the node.
CREATE TABLE ilp_leadership_terms (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  term     bigint  NOT NULL DEFAULT 0 CHECK (term >= 0)
);
INSERT INTO ilp_leadership_terms DEFAULT VALUES;

CREATE TABLE ilp_peers (
  id            text   PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,40}$'),
  state         text   NOT NULL CHECK (state IN ('active', 'paused', 'closing', 'closed')),
  -- PeerTerms without the token that we show the peer: relation, asset, link, limits, settlement, exchangesRoutes.
  terms         jsonb  NOT NULL,
  -- Sealed by a key of the signer; null where we show none.
  sealed_token  text,
  -- SHA-256 of the token that the peer shows, by which it is found; null where it shows none.
  token_hash    bytea  UNIQUE CHECK (octet_length(token_hash) = 32),
  added_at      bigint NOT NULL,
  changed_at    bigint NOT NULL
);

CREATE TABLE ilp_routes (
  prefix   text   PRIMARY KEY CHECK (length(prefix) <= 1023),
  peer_id  text   NOT NULL REFERENCES ilp_peers ON DELETE CASCADE,
  added_at bigint NOT NULL
);

-- One row: the address that a parent gave us, so that it is known before the parent answers again.
CREATE TABLE ilp_address (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  address  text    NOT NULL,
  parent   text    NOT NULL
);

-- Payments that began here. The row is written before the first packet leaves.
CREATE TABLE ilp_payments (
  key               text    PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
  -- Of everything that was asked for, so that a key is not used for two things.
  content_hash      bytea   NOT NULL CHECK (octet_length(content_hash) = 32),
  destination       text    NOT NULL,
  source_path       text    NOT NULL,
  asset             text    NOT NULL,
  max_send          numeric NOT NULL CHECK (max_send > 0),
  state             text    NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
  sent              numeric NOT NULL DEFAULT 0 CHECK (sent >= 0),
  delivered         numeric NOT NULL DEFAULT 0 CHECK (delivered >= 0),
  destination_code  text    NOT NULL DEFAULT '',
  destination_scale int     NOT NULL DEFAULT 0,
  reason            text    NOT NULL DEFAULT '',
  started_at        bigint  NOT NULL,
  ended_at          bigint,
  CHECK (sent <= max_send),
  CHECK ((state = 'running') = (ended_at IS NULL))
);
CREATE INDEX ilp_payments_running ON ilp_payments (started_at) WHERE state = 'running';
