-- What is done once for all processes (src/platform/leadership), mirrors that operators added (src/mirrors), and mails
-- that wait to be sent (src/accounts). Times are Unix seconds.

-- One row. Whoever takes the lead counts up; who led before is known by a smaller number.
CREATE TABLE leadership_terms (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  term     bigint  NOT NULL DEFAULT 0 CHECK (term >= 0)
);
INSERT INTO leadership_terms DEFAULT VALUES;

-- One row: all mirrors and how far each has come, as the file mirrors.json holds them where there is one process. The
-- addresses may hold passwords.
CREATE TABLE mirrors_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  records  json    NOT NULL
);

-- A mail that was promised, as long as it is not sent. No code stands here: it is made when the mail is.
CREATE TABLE account_mails (
  id            text   PRIMARY KEY,
  what          text   NOT NULL CHECK (what IN ('confirm', 'already', 'reset', 'password-changed')),
  email         text   NOT NULL,
  -- To confirm: of the account that will be made.
  password_hash text,
  -- To reset.
  account_id    text   REFERENCES accounts ON DELETE CASCADE,
  expires_at    bigint NOT NULL,
  CHECK (what <> 'confirm' OR password_hash IS NOT NULL),
  CHECK (what <> 'reset' OR account_id IS NOT NULL)
);
CREATE INDEX account_mails_by_account ON account_mails (account_id);
CREATE INDEX account_mails_by_expiry ON account_mails (expires_at);
