-- Accounts: who people are, what they may do here, and who belongs to the community (src/accounts).
-- Times are Unix seconds. Of secrets only the SHA-256 is kept, of passwords an argon2id hash.

CREATE DOMAIN nostr_pubkey AS text CHECK (VALUE ~ '^[0-9a-f]{64}$');
CREATE DOMAIN sha256_hash AS bytea CHECK (octet_length(VALUE) = 32);

-- An account is made when its address is confirmed; until then it is a row in account_mail_tokens.
CREATE TABLE accounts (
  id            text   PRIMARY KEY,
  email         text   NOT NULL UNIQUE CHECK (email = lower(email)),
  password_hash text   NOT NULL,
  confirmed_at  bigint NOT NULL
);

-- A key belongs to one account at most; it was linked by a signature of its own.
CREATE TABLE account_keys (
  pubkey     nostr_pubkey PRIMARY KEY,
  account_id text   NOT NULL REFERENCES accounts ON DELETE CASCADE,
  linked_at  bigint NOT NULL
);
CREATE INDEX account_keys_by_account ON account_keys (account_id);

-- 'member' is no row here: members are in account_members.
CREATE TABLE account_staff_roles (
  pubkey     nostr_pubkey,
  role       text   NOT NULL CHECK (role IN ('owner', 'operator', 'moderator', 'service')),
  granted_by text   NOT NULL,
  granted_at bigint NOT NULL,
  PRIMARY KEY (pubkey, role)
);

CREATE TABLE account_sessions (
  id            text PRIMARY KEY,
  account_id    text REFERENCES accounts ON DELETE CASCADE,
  pubkey        nostr_pubkey,
  -- Finds the session, whichever of its refresh tokens is shown.
  family_hash   sha256_hash NOT NULL UNIQUE,
  -- Of the one refresh token that is good now, and of the one before.
  token_hash    sha256_hash NOT NULL,
  previous_hash sha256_hash,
  rotated_at    bigint NOT NULL,
  created_at    bigint NOT NULL,
  expires_at    bigint NOT NULL,
  ended_at      bigint,
  ended_why     text CHECK (ended_why IN ('signed-out', 'token-reused', 'password-reset', 'key-unlinked')),
  CHECK (account_id IS NOT NULL OR pubkey IS NOT NULL),
  CHECK ((ended_at IS NULL) = (ended_why IS NULL))
);
CREATE INDEX account_sessions_by_account ON account_sessions (account_id);
CREATE INDEX account_sessions_by_expiry ON account_sessions (expires_at);

-- Public keys of the processes that sign access tokens; the secret halves never leave their process.
CREATE TABLE account_token_keys (
  id         text PRIMARY KEY,
  public_jwk text   NOT NULL,
  expires_at bigint NOT NULL
);

CREATE TABLE account_api_keys (
  id           text PRIMARY KEY,
  account_id   text REFERENCES accounts ON DELETE CASCADE,
  pubkey       nostr_pubkey,
  name         text   NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  secret_hash  sha256_hash NOT NULL,
  scopes       text[] NOT NULL,
  rate_tier    text   NOT NULL CHECK (rate_tier IN ('basic', 'plus', 'unlimited')),
  created_at   bigint NOT NULL,
  expires_at   bigint,
  last_used_at bigint,
  revoked_at   bigint,
  CHECK (account_id IS NOT NULL OR pubkey IS NOT NULL)
);
CREATE INDEX account_api_keys_by_account ON account_api_keys (account_id);
CREATE INDEX account_api_keys_by_pubkey ON account_api_keys (pubkey);

-- What a link in a mail is good for, once; using it deletes the row.
CREATE TABLE account_mail_tokens (
  hash          sha256_hash PRIMARY KEY,
  purpose       text   NOT NULL CHECK (purpose IN ('confirm', 'reset')),
  -- To confirm: the account that will be made. Each mail carries its own password, so that a stranger who signs an
  -- address up before its owner does gains nothing by it.
  email         text,
  password_hash text,
  -- To reset.
  account_id    text REFERENCES accounts ON DELETE CASCADE,
  expires_at    bigint NOT NULL,
  CHECK (purpose <> 'confirm' OR (email IS NOT NULL AND password_hash IS NOT NULL)),
  CHECK (purpose <> 'reset' OR account_id IS NOT NULL)
);
CREATE INDEX account_mail_tokens_by_account ON account_mail_tokens (account_id);
CREATE INDEX account_mail_tokens_by_expiry ON account_mail_tokens (expires_at);

CREATE TABLE account_trusted_authors (
  pubkey   nostr_pubkey PRIMARY KEY,
  reason   text   NOT NULL,
  added_by text   NOT NULL,
  added_at bigint NOT NULL
);

CREATE TABLE account_subscriptions (
  pubkey        nostr_pubkey PRIMARY KEY,
  until_seconds bigint NOT NULL
);
CREATE INDEX account_subscriptions_by_expiry ON account_subscriptions (until_seconds);

-- Each extension counts once, by the key that its caller chose.
CREATE TABLE account_subscription_extensions (
  key     text PRIMARY KEY,
  pubkey  nostr_pubkey NOT NULL,
  seconds bigint NOT NULL CHECK (seconds > 0),
  made_at bigint NOT NULL
);

-- NIP-43 from here on.
CREATE TABLE account_invites (
  -- Plain: operators are shown it again, and it opens no more than a membership.
  code       text PRIMARY KEY CHECK (char_length(code) BETWEEN 8 AND 256),
  made_by    text   NOT NULL,
  made_at    bigint NOT NULL,
  expires_at bigint,
  max_uses   integer NOT NULL CHECK (max_uses > 0),
  uses       integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
  revoked_at bigint
);
CREATE INDEX account_invites_by_maker ON account_invites (made_by);

CREATE TABLE account_members (
  pubkey      nostr_pubkey PRIMARY KEY,
  since       bigint NOT NULL,
  -- Whoever made the invite, or added the member.
  invited_by  text   NOT NULL,
  invite_code text
);
CREATE INDEX account_members_by_time ON account_members (since, pubkey);

CREATE TABLE account_community_roles (
  id          text PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 64),
  label       text,
  description text,
  color       integer CHECK (color BETWEEN 0 AND 360),
  sort_order  integer
);

CREATE TABLE account_member_roles (
  pubkey  nostr_pubkey REFERENCES account_members ON DELETE CASCADE,
  role_id text NOT NULL REFERENCES account_community_roles ON DELETE CASCADE,
  PRIMARY KEY (pubkey, role_id)
);
CREATE INDEX account_member_roles_by_role ON account_member_roles (role_id);

-- What the relay has still to tell the world, written in the transaction of the fact.
CREATE TABLE account_announcements (
  number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  what    text   NOT NULL CHECK (what IN ('added', 'removed', 'list', 'role')),
  -- A key for 'added' and 'removed', the id of a role for 'role', empty for 'list'.
  subject text   NOT NULL,
  at      bigint NOT NULL
);

-- NIP-05.
CREATE TABLE account_nip05_names (
  name     text PRIMARY KEY CHECK (name ~ '^[a-z0-9._-]{1,64}$'),
  pubkey   nostr_pubkey NOT NULL,
  relays   text[] NOT NULL,
  added_by text   NOT NULL,
  added_at bigint NOT NULL
);
