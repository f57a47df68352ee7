-- Transfers posted in one statement (src/ledger/post-at-once.ts), so that who posts often waits once for the server and not
-- five times. All of them are new and every account can bear them, or the statement fails and nothing of it is posted; what
-- is to be done then is decided as ever, under the locks of a transaction.

-- The lists of transfers have one place for each; those of entries too, where `places` is the transfer's (from 1) in the
-- former. Returns the numbers of the transfers.
CREATE FUNCTION ledger_post_at_once(
  keys text[], hashes bytea[], memos text[], now_ms bigint,
  places int[], accounts bigint[], are_debits boolean[], amounts numeric[]
) RETURNS bigint[] LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
  numbers bigint[];
  is_short boolean;
BEGIN
  -- In the order of their numbers, like everybody; what follows sees what was committed before the locks were had.
  PERFORM FROM ledger_accounts WHERE id = ANY (accounts) ORDER BY id FOR NO KEY UPDATE;
  numbers := ARRAY (SELECT nextval('ledger_numbers') FROM generate_series(1, cardinality(keys)));
  INSERT INTO ledger_transfers (id, key, content_hash, memo, at_ms)
    SELECT t.id, t.key, t.hash, t.memo, now_ms FROM unnest(numbers, keys, hashes, memos) AS t (id, key, hash, memo);
  WITH changes AS (
    SELECT e.account, e.place, e.is_debit, e.amount, e.nth,
      a.balance, a.held, a.floor, a.debit_sign * CASE WHEN e.is_debit THEN e.amount ELSE -e.amount END AS change
    FROM unnest(places, accounts, are_debits, amounts) WITH ORDINALITY AS e (place, account, is_debit, amount, nth)
    LEFT JOIN ledger_accounts a ON a.id = e.account
  ), entries AS (
    SELECT *, balance + sum(change) OVER (PARTITION BY account ORDER BY nth) AS balance_after,
      row_number() OVER (PARTITION BY place ORDER BY nth) - 1 AS entry
    FROM changes
  ), written AS (
    INSERT INTO ledger_entries (account_id, transfer_id, place, is_debit, amount, balance_after)
    SELECT account, numbers[place], entry, is_debit, amount, balance_after FROM entries
  )
  SELECT bool_or(change < 0 AND balance_after - held < floor) INTO is_short FROM entries;
  -- Also where a later one of these transfers would make up for it: each stands on its own.
  IF is_short THEN
    RAISE EXCEPTION 'An account would have less than its floor.'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_accounts_floor';
  END IF;
  RETURN numbers;
END
$$;
