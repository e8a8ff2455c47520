-- "Where is my row": what was refused of a key, and which comparisons found it, without reading
-- everything that was ever refused or found. Hash indexes: a key is looked up as a whole, and
-- whoever posts one may make it longer than an entry of a B-tree may be.
--
-- Locks: SHARE on ingest.quarantine and ingest.reconciliation_finding while the indexes are built:
-- about two seconds for a million rows, in which batches with refused rows wait.

create index quarantine_key_idx on ingest.quarantine using hash (key);
create index reconciliation_finding_key_idx on ingest.reconciliation_finding using hash (key);
