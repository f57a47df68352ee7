-- Relays that an operator will have nothing to do with (src/observatory/records/relay-choices.ts). They stay in the table, so
-- that nobody learns of them anew, and are never connected to.
ALTER TABLE relays
  ADD COLUMN refused_at  timestamptz,
  -- A public key, `cli`, or an account.
  ADD COLUMN refused_by  text,
  -- For other operators; empty when nothing was said.
  ADD COLUMN refused_why text,
  ADD CONSTRAINT relays_refused_whole CHECK (
    (refused_at IS NULL) = (refused_by IS NULL) AND (refused_at IS NULL) = (refused_why IS NULL)
  );
