-- With which API key somebody acted, beside who it belongs to (src/audit). Rows from before have none, and their hashes
-- stay as they are: the two are part of a hash only where they are set.

ALTER TABLE audit_entries
  ADD COLUMN api_key_id   text,
  ADD COLUMN api_key_name text,
  ADD CONSTRAINT audit_entries_api_key_whole CHECK ((api_key_id IS NULL) = (api_key_name IS NULL));
