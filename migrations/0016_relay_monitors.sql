-- What other monitors say of relays (NIP-66, kind 30166), the newest of each monitor of each relay (src/observatory/monitor).
-- Times are Unix seconds.
CREATE TABLE relay_monitors (
  -- `host[:port]/path` as normalizeRelayUrl spells it, the same for ws and wss.
  relay       text    NOT NULL COLLATE "C" CHECK (length(relay) BETWEEN 1 AND 1024),
  -- A public key, hex.
  monitor     text    NOT NULL COLLATE "C" CHECK (monitor ~ '^[0-9a-f]{64}$'),
  -- `created_at` of the event.
  at          bigint  NOT NULL,
  -- Milliseconds.
  rtt_open    integer,
  rtt_read    integer,
  rtt_write   integer,
  -- Lists that are compared with ours: NIPs, and what it says is required.
  facts       jsonb   NOT NULL,
  PRIMARY KEY (relay, monitor)
);
CREATE INDEX relay_monitors_of_monitor ON relay_monitors (monitor);
CREATE INDEX relay_monitors_by_age ON relay_monitors (at);
