-- Settlement (src/settlement): what leaves by a rail, channels and their claims, and what came in. Amounts are in the
-- smallest unit of the rail's asset; times are Unix milliseconds. A party is `peer/<id>` or `engine/<account>`: with
-- `assets/` before it, its account in the ledger.

-- Everything that leaves: written down before it is signed, with its signed bytes before it is sent.
CREATE TABLE settlement_orders (
  key          text    PRIMARY KEY,
  rail         text    NOT NULL,
  kind         text    NOT NULL CHECK (kind IN ('pay', 'open', 'deposit', 'redeem', 'close', 'withdraw')),
  party        text,
  -- What the party's account was debited with: of a payment; 0 of everything else.
  amount       numeric(78, 0) NOT NULL CHECK (amount >= 0),
  channel_id   text,
  terms        text    NOT NULL,
  state        text    NOT NULL DEFAULT 'recorded' CHECK (state IN ('recorded', 'signed', 'sent', 'done', 'failed')),
  signed_id    text,
  signed_bytes bytea,
  tries        integer NOT NULL DEFAULT 0,
  next_try_ms  bigint  NOT NULL,
  reason       text,
  created_ms   bigint  NOT NULL,
  changed_ms   bigint  NOT NULL,
  CHECK (kind <> 'pay' OR (party IS NOT NULL AND amount > 0)),
  CHECK (state NOT IN ('signed', 'sent', 'done') OR (signed_id IS NOT NULL AND signed_bytes IS NOT NULL)),
  UNIQUE (rail, signed_id)
);
-- One payment to a party is under way at a time, and one order for a channel.
CREATE UNIQUE INDEX settlement_orders_one_payment ON settlement_orders (party)
  WHERE kind = 'pay' AND state IN ('recorded', 'signed', 'sent');
CREATE UNIQUE INDEX settlement_orders_one_of_channel ON settlement_orders (rail, channel_id)
  WHERE channel_id IS NOT NULL AND state IN ('recorded', 'signed', 'sent');
CREATE UNIQUE INDEX settlement_orders_one_opening ON settlement_orders (rail, party)
  WHERE kind = 'open' AND state IN ('recorded', 'signed', 'sent');
CREATE INDEX settlement_orders_under_way ON settlement_orders (rail, next_try_ms)
  WHERE state IN ('recorded', 'signed', 'sent');
CREATE INDEX settlement_orders_of_party ON settlement_orders (party, created_ms);

-- Channels either way. `claimed` and `nonce` are of the best claim: given by us (out), or recorded here (in).
CREATE TABLE settlement_channels (
  rail         text    NOT NULL,
  id           text    NOT NULL,
  direction    text    NOT NULL CHECK (direction IN ('in', 'out')),
  -- Null for a channel that is not a party's: one of a client of the relay.
  party        text,
  asset        text    NOT NULL,
  claim_key    text    NOT NULL,
  deposit      numeric(78, 0) NOT NULL CHECK (deposit >= 0),
  redeemed     numeric(78, 0) NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
  claimed      numeric(78, 0) NOT NULL DEFAULT 0,
  -- What `claimed` was before the last claim: the difference is what that claim brought.
  claimed_before numeric(78, 0) NOT NULL DEFAULT 0,
  nonce        numeric(20, 0) NOT NULL DEFAULT 0,
  -- Out: up to which nonce the payee has said that it has the claim.
  acknowledged numeric(20, 0) NOT NULL DEFAULT 0,
  claim        text,
  signature    bytea,
  state        text    NOT NULL CHECK (state IN ('open', 'closing', 'closed')),
  closes_ms    bigint,
  -- When the chain was last seen to say what stands here.
  seen_ms      bigint  NOT NULL,
  PRIMARY KEY (rail, id),
  CHECK (claimed >= claimed_before AND claimed <= deposit),
  CHECK (nonce = 0 OR (claim IS NOT NULL AND signature IS NOT NULL))
);
CREATE INDEX settlement_channels_of_party ON settlement_channels (party);
CREATE INDEX settlement_channels_not_closed ON settlement_channels (rail, seen_ms) WHERE state <> 'closed';

-- Payments that came in, each credited once; the party is null when nobody knows whom it is from.
CREATE TABLE settlement_payments (
  rail       text    NOT NULL,
  id         text    NOT NULL,
  party      text,
  amount     numeric(78, 0) NOT NULL CHECK (amount > 0),
  credited_ms bigint NOT NULL,
  PRIMARY KEY (rail, id)
);

-- How far the payments of a rail have been read.
CREATE TABLE settlement_cursors (
  rail   text PRIMARY KEY,
  cursor text NOT NULL
);

-- RFC-0038: requests with an Idempotency-Key that were done, what a conversion of scales has left over,
-- accounts of other accounting systems that settle through this node, and what those are still to be told.
CREATE TABLE settlement_requests (
  scope       text   NOT NULL,
  key         text   NOT NULL,
  content     bytea  NOT NULL,
  last_ms     bigint NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX settlement_requests_by_age ON settlement_requests (last_ms);

-- In units of the scale 255, the finest there is: less than one unit of the asset.
CREATE TABLE settlement_leftovers (
  scope  text PRIMARY KEY,
  amount numeric NOT NULL CHECK (amount >= 0)
);

CREATE TABLE settlement_engine_accounts (
  id         text   PRIMARY KEY,
  party      text   NOT NULL UNIQUE,
  created_ms bigint NOT NULL,
  deleted_ms bigint
);

CREATE TABLE settlement_engine_notices (
  key         text    PRIMARY KEY,
  account_id  text    NOT NULL,
  amount      numeric(78, 0) NOT NULL CHECK (amount > 0),
  tries       integer NOT NULL DEFAULT 0,
  next_try_ms bigint  NOT NULL
);
