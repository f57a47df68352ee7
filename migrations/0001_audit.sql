-- The audit log: rows that are only ever added, each with the hash of the one before (src/audit).

CREATE TABLE audit_entries (
  -- Without a gap from 1 on: a missing row is seen.
  number        bigint PRIMARY KEY CHECK (number > 0),
  at_ms         bigint NOT NULL,
  -- A public key in hex, 'cli', or the name of a part.
  actor         text   NOT NULL,
  role          text   NOT NULL,
  action        text   NOT NULL,
  subject       text   NOT NULL,
  -- json and not jsonb: the hash is over the very text.
  before_json   json,
  after_json    json,
  previous_hash bytea  NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash          bytea  NOT NULL CHECK (octet_length(hash) = 32),
  -- Two rows behind the same one would be a fork.
  UNIQUE (previous_hash)
);

CREATE INDEX audit_entries_by_subject ON audit_entries (subject, number);
CREATE INDEX audit_entries_by_actor ON audit_entries (actor, number);
CREATE INDEX audit_entries_by_action ON audit_entries (action, number);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit log is only ever added to: % is refused.', TG_OP
    USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_entries_are_kept
  BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
