-- The directory of relays (src/observatory/records/table-directory.ts). Relays that never answered are given up after a while,
-- and only so many are learnt from strangers in a day.
ALTER TABLE relays
  -- When it was learnt of, or learnt of again after it was given up.
  ADD COLUMN learnt_at timestamptz NOT NULL DEFAULT now(),
  DROP CONSTRAINT relays_origin_check,
  -- `information`: another relay names it in its own (NIP-11).
  ADD CONSTRAINT relays_origin_check
    CHECK (origin IN ('seed', 'relay-list', 'monitor', 'information', 'operator', 'own'));
UPDATE relays SET learnt_at = first_seen;
