-- The ledger (src/ledger): accounts, balanced transfers, reservations. Amounts are whole numbers of an asset's smallest
-- unit. What must hold of money holds here, whoever writes: entries of a transfer balance, balances are what entries made
-- of them, no account is below its floor, and what was posted is never changed.

CREATE DOMAIN ledger_path AS text COLLATE "C"
  CHECK (length(VALUE) <= 200 AND VALUE ~ '^(assets|expenses|liabilities|revenue|equity)(/[a-z0-9._~-]+){1,5}$');
CREATE DOMAIN ledger_asset AS text COLLATE "C" CHECK (VALUE ~ '^[a-z]{1,12}$');

-- Balance and held are kept by the triggers below and by nothing else.
CREATE TABLE ledger_accounts (
  id       bigint         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path     ledger_path    NOT NULL,
  asset    ledger_asset   NOT NULL,
  -- What a debit does to the balance: 1 where it adds to it, -1 where it takes from it.
  debit_sign smallint     NOT NULL GENERATED ALWAYS AS
                          (CASE WHEN starts_with(path, 'assets/') OR starts_with(path, 'expenses/') THEN 1 ELSE -1 END) STORED,
  balance  numeric(90, 0) NOT NULL DEFAULT 0,
  held     numeric(90, 0) NOT NULL DEFAULT 0 CHECK (held >= 0),
  floor    numeric(90, 0),
  UNIQUE (path, asset),
  CONSTRAINT ledger_accounts_floor CHECK (balance - held >= floor)
) WITH (fillfactor = 60); -- Room on the page for the next version of a row, so that no index has to be touched.

-- Numbers of transfers and reservations. They are drawn while the accounts are locked: of one account's transfers the
-- later one has the larger number.
CREATE SEQUENCE ledger_numbers;

CREATE TABLE ledger_transfers (
  id           bigint PRIMARY KEY,
  key          text   NOT NULL COLLATE "C" UNIQUE,
  -- SHA-256 of what was asked for: the same key with something else is refused.
  content_hash bytea  NOT NULL CHECK (octet_length(content_hash) = 32),
  memo         text   NOT NULL,
  at_ms        bigint NOT NULL,
  -- Entries come in the transaction of their transfer and never later.
  posted_in    xid8   NOT NULL DEFAULT pg_current_xact_id()
);

ALTER SEQUENCE ledger_numbers OWNED BY ledger_transfers.id;

CREATE TABLE ledger_entries (
  account_id    bigint         NOT NULL,
  transfer_id   bigint         NOT NULL,
  -- Its place within the transfer.
  place         smallint       NOT NULL CHECK (place >= 0),
  is_debit      boolean        NOT NULL,
  amount        numeric(78, 0) NOT NULL CHECK (amount > 0),
  -- The account's, behind this entry.
  balance_after numeric(90, 0) NOT NULL,
  PRIMARY KEY (account_id, transfer_id, place)
);
-- Entries lie in the order of their transfers, or nearly: this costs next to nothing.
CREATE INDEX ledger_entries_by_transfer ON ledger_entries USING brin (transfer_id);

CREATE TABLE ledger_reservations (
  key          text           PRIMARY KEY COLLATE "C",
  id           bigint         NOT NULL,
  account_id   bigint         NOT NULL REFERENCES ledger_accounts,
  amount       numeric(78, 0) NOT NULL CHECK (amount > 0),
  state        text           NOT NULL CHECK (state IN ('open', 'committed', 'voided', 'expired')),
  -- Unix seconds.
  expires_at   bigint         NOT NULL,
  memo         text           NOT NULL,
  content_hash bytea          NOT NULL CHECK (octet_length(content_hash) = 32),
  transfer_key text           COLLATE "C",
  CHECK ((state = 'committed') = (transfer_key IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX ledger_reservations_open ON ledger_reservations (expires_at) WHERE state = 'open';
CREATE INDEX ledger_reservations_open_by_account ON ledger_reservations (account_id, expires_at) WHERE state = 'open';

-- What is below is planned once for a connection, perhaps while the tables are empty or for a large group: it is made to
-- look rows up one by one, and never to read a table whole.
CREATE FUNCTION ledger_apply_entries() RETURNS trigger LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT e.transfer_id INTO wrong
    FROM new_entries e
    LEFT JOIN ledger_accounts a ON a.id = e.account_id
    LEFT JOIN ledger_transfers t ON t.id = e.transfer_id
    GROUP BY e.transfer_id, a.asset
    HAVING sum(CASE WHEN e.is_debit THEN e.amount ELSE -e.amount END) <> 0
      OR bool_or(a.id IS NULL) OR bool_or(t.posted_in IS DISTINCT FROM pg_current_xact_id())
    LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'Entries of transfer % do not balance, or have no account or no transfer of this transaction.', wrong
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_balance';
  END IF;
  UPDATE ledger_accounts a SET balance = a.balance + a.debit_sign * e.debits
    FROM (
      SELECT account_id, sum(CASE WHEN is_debit THEN amount ELSE -amount END) AS debits FROM new_entries GROUP BY account_id
    ) e
    WHERE a.id = e.account_id;
  RETURN NULL;
END
$$;

-- A restore brings balances and holds as they were, and transfers in pieces (src/backup): it says so, and what it brought is
-- added up by the trial balance.
CREATE TRIGGER ledger_entries_are_applied
  AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS new_entries
  FOR EACH STATEMENT WHEN (current_setting('stoa.restoring', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION ledger_apply_entries();

CREATE FUNCTION ledger_hold() RETURNS trigger LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
  UPDATE ledger_accounts a SET held = a.held + r.amount
    FROM (SELECT account_id, sum(amount) AS amount FROM new_rows WHERE state = 'open' GROUP BY account_id) r
    WHERE a.id = r.account_id;
  RETURN NULL;
END
$$;

CREATE TRIGGER ledger_reservations_are_held
  AFTER INSERT ON ledger_reservations REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT WHEN (current_setting('stoa.restoring', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION ledger_hold();

-- An open reservation becomes committed, voided or expired, and nothing else of it ever changes.
CREATE FUNCTION ledger_unhold() RETURNS trigger LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
  wrong text;
BEGIN
  SELECT o.key INTO wrong
    FROM old_rows o LEFT JOIN new_rows n ON n.key = o.key
    WHERE n.key IS NULL OR o.state <> 'open' OR n.state = 'open'
      OR (o.id, o.account_id, o.amount, o.expires_at, o.memo, o.content_hash)
        IS DISTINCT FROM (n.id, n.account_id, n.amount, n.expires_at, n.memo, n.content_hash)
    LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'A reservation that is not open is kept as it is, and an open one can only be closed: %', wrong
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_reservations_move';
  END IF;
  UPDATE ledger_accounts a SET held = a.held - r.amount
    FROM (SELECT account_id, sum(amount) AS amount FROM old_rows GROUP BY account_id) r
    WHERE a.id = r.account_id;
  RETURN NULL;
END
$$;

CREATE TRIGGER ledger_reservations_are_freed
  AFTER UPDATE ON ledger_reservations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_unhold();

CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'What the ledger holds is kept: % of % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER ledger_transfers_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfers
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_entries_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_reservations_are_kept BEFORE DELETE OR TRUNCATE ON ledger_reservations
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_accounts_are_kept BEFORE UPDATE OF id, path, asset OR DELETE OR TRUNCATE ON ledger_accounts
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
-- Depth 0 is a statement of somebody; the triggers above update from within.
CREATE TRIGGER ledger_balances_are_not_nudged BEFORE UPDATE OF balance, held ON ledger_accounts
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON ledger_accounts
  FOR EACH ROW WHEN ((NEW.balance <> 0 OR NEW.held <> 0) AND current_setting('stoa.restoring', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION ledger_refuse();
