-- Reservations draw their numbers from the same sequence as transfers (src/ledger). Now the schema says so of both, and a
-- restore (src/backup) lets a sequence go on behind the highest number of every column that draws from it.
ALTER TABLE ledger_reservations ALTER COLUMN id SET DEFAULT nextval('ledger_numbers');

-- An earlier restore looked at the transfers alone: numbers of reservations would have been given out again.
SELECT setval('ledger_numbers', max(id)) FROM ledger_reservations
  HAVING max(id) > (SELECT last_value FROM ledger_numbers);
