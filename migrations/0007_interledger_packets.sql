-- What became of packets (src/interledger/books). Times are Unix milliseconds.

-- Appended to: a row holds what was written down in one moment, in a binary form (journal-codec.ts). A row with fulfilments
-- is committed with their postings in the ledger.
CREATE TABLE ilp_journal (
  seq           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Who wrote it, and its number there: a commit of which nobody knows whether it was done is looked for by these.
  run           uuid    NOT NULL,
  number        bigint  NOT NULL CHECK (number > 0),
  written_at    bigint  NOT NULL,
  -- The earliest and the latest expiry of the packets from peers that it says were fulfilled or written off.
  answers_from  bigint,
  answers_until bigint,
  has_losses    boolean NOT NULL,
  body          bytea   NOT NULL,
  UNIQUE (run, number),
  CHECK ((answers_from IS NULL) = (answers_until IS NULL)),
  CHECK (answers_from <= answers_until)
);
-- Most of it is hashes, which do not become smaller.
ALTER TABLE ilp_journal ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX ilp_journal_answers ON ilp_journal (answers_until, answers_from) WHERE answers_until IS NOT NULL;
CREATE INDEX ilp_journal_losses ON ilp_journal (written_at) WHERE has_losses;
-- Rows are written in the order of time, or nearly: this costs next to nothing.
CREATE INDEX ilp_journal_age ON ilp_journal USING brin (written_at);

-- One row: the fate of every packet that an earlier row tells of is known.
CREATE TABLE ilp_journal_progress (
  only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  replay_from bigint  NOT NULL DEFAULT 0
);
INSERT INTO ilp_journal_progress DEFAULT VALUES;
