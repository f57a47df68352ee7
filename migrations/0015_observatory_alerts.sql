-- Alerts and webhooks of the observatory (src/observatory/alerts). Times are Unix seconds.

-- One row: it counts the changes that people make to rules and webhooks, and makes them wait for each other.
CREATE TABLE observatory_alert_revision (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  revision bigint  NOT NULL DEFAULT 0
);
INSERT INTO observatory_alert_revision DEFAULT VALUES;

CREATE TABLE observatory_alert_rules (
  id                  text    PRIMARY KEY,
  -- A public key, or 'operator'.
  owner               text    NOT NULL CHECK (owner = 'operator' OR owner ~ '^[0-9a-f]{64}$'),
  name                text    NOT NULL,
  range               text    NOT NULL,
  condition           jsonb   NOT NULL,
  clear_after_seconds integer NOT NULL,
  quiet_seconds       integer NOT NULL,
  channels            jsonb   NOT NULL,
  is_paused           boolean NOT NULL,
  created_at          bigint  NOT NULL,
  -- Of its last change by a person.
  revision            bigint  NOT NULL,
  state               text    NOT NULL DEFAULT 'quiet' CHECK (state IN ('quiet', 'firing')),
  since               bigint  NOT NULL,
  is_notified         boolean NOT NULL DEFAULT false,
  last_notice_at      bigint,
  -- Counts what was written of its state, so that each of these things happens once.
  transitions         integer NOT NULL DEFAULT 0
);
CREATE INDEX observatory_alert_rules_by_owner ON observatory_alert_rules (owner, created_at);

CREATE TABLE observatory_webhooks (
  id              text    PRIMARY KEY,
  owner           text    NOT NULL CHECK (owner = 'operator' OR owner ~ '^[0-9a-f]{64}$'),
  url             text    NOT NULL,
  topics          text[]  NOT NULL,
  sealed_secret   text    NOT NULL,
  created_at      bigint  NOT NULL,
  last_success_at bigint,
  -- Of the first failure since the last success.
  failing_since   bigint,
  last_failure    text,
  disabled_at     bigint,
  disabled_why    text
);
CREATE INDEX observatory_webhooks_by_owner ON observatory_webhooks (owner, created_at);

-- What is to be told to somebody. Its id is made of the occasion and of whom it is for, so that there is one of each.
CREATE TABLE observatory_deliveries (
  id          text    PRIMARY KEY,
  channel     text    NOT NULL CHECK (channel IN ('webhook', 'email', 'nostr')),
  owner       text    NOT NULL,
  webhook_id  text    REFERENCES observatory_webhooks ON DELETE CASCADE,
  -- An address or a public key; null: that of the owner, looked up when it is sent.
  target      text,
  topic       text    NOT NULL,
  body        text    NOT NULL,
  at          bigint  NOT NULL,
  state       text    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dropped', 'failed')),
  attempts    integer NOT NULL DEFAULT 0,
  failure     text,
  finished_at bigint,
  CHECK ((webhook_id IS NOT NULL) = (channel = 'webhook')),
  CHECK ((finished_at IS NULL) = (state = 'waiting'))
);
CREATE INDEX observatory_deliveries_waiting ON observatory_deliveries (webhook_id) WHERE state = 'waiting';
CREATE INDEX observatory_deliveries_of_webhook ON observatory_deliveries (webhook_id) WHERE webhook_id IS NOT NULL;
CREATE INDEX observatory_deliveries_finished ON observatory_deliveries (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE observatory_alert_history (
  number      bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  owner       text    NOT NULL,
  at          bigint  NOT NULL,
  what        text    NOT NULL CHECK (what IN ('firing', 'notified', 'cleared', 'webhook-disabled')),
  rule_id     text,
  webhook_id  text,
  name        text    NOT NULL,
  text        text    NOT NULL,
  is_notified boolean NOT NULL
);
CREATE INDEX observatory_alert_history_by_owner ON observatory_alert_history (owner, number);
CREATE INDEX observatory_alert_history_by_age ON observatory_alert_history (at);

-- Figures that rules compare with what they were some time ago, every five minutes.
CREATE TABLE observatory_alert_samples (
  at     bigint           NOT NULL,
  range  text             NOT NULL,
  figure text             NOT NULL,
  value  double precision NOT NULL,
  PRIMARY KEY (at, range, figure)
);

-- Relays as webhooks have been told of them.
CREATE TABLE observatory_alert_relays (
  url   text   PRIMARY KEY,
  state text   NOT NULL CHECK (state IN ('known', 'up', 'down')),
  since bigint NOT NULL
);
