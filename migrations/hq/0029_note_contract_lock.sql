-- Which contract each key's sender was built with, beside when it was last used: at most once a
-- minute, in the statement that notes the use.
--
-- Locks: ACCESS EXCLUSIVE on a table of one row per key for the moment of a catalog change.

alter table ingest.key_use add column contract_lock text;

comment on column ingest.key_use.contract_lock is
  'SHA-256 of the contract lock that the sender of the last batch was built with; '
  'null where it said none';

grant select (contract_lock) on ingest.key_use to hq_console;
