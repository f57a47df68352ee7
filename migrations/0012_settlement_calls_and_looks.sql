-- Settlement: what a call with a key led to, so that whoever repeats it hears the same; orders that somebody has given
-- up; and when a channel was looked at, whatever came of it.

-- Rows with an answer are of calls that moved money: they are kept as long as the orders are.
ALTER TABLE settlement_requests ADD COLUMN answer text;
DROP INDEX settlement_requests_by_age;
CREATE INDEX settlement_requests_by_age ON settlement_requests (last_ms) WHERE answer IS NULL;

-- Null in rows that are older than this column: those are in the asset that their rail moves.
ALTER TABLE settlement_orders ADD COLUMN asset text;
-- `given_up`: by hand, and booked back; whatever it was signed as must never be sent again.
ALTER TABLE settlement_orders DROP CONSTRAINT settlement_orders_state_check;
ALTER TABLE settlement_orders ADD CONSTRAINT settlement_orders_state_check
  CHECK (state IN ('recorded', 'signed', 'sent', 'done', 'failed', 'given_up'));
CREATE INDEX settlement_orders_of_channel ON settlement_orders (rail, channel_id, created_ms) WHERE channel_id IS NOT NULL;

-- `looked_ms` is of the last look, also of one that failed; `seen_ms` of the last that was answered, which is what counts
-- for trust. `open_again_ms`: since when the network has called open what it had called closing before. `brought_ms`: when
-- the last claim was brought to the payee last.
ALTER TABLE settlement_channels ADD COLUMN looked_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE settlement_channels ADD COLUMN open_again_ms bigint;
ALTER TABLE settlement_channels ADD COLUMN brought_ms bigint NOT NULL DEFAULT 0;
DROP INDEX settlement_channels_not_closed;
CREATE INDEX settlement_channels_not_closed ON settlement_channels (rail, looked_ms) WHERE state <> 'closed';
CREATE INDEX settlement_channels_undelivered ON settlement_channels (rail, brought_ms)
  WHERE direction = 'out' AND state <> 'closed' AND acknowledged < nonce;
