-- A row that HQ could not write in time, because somebody holds it locked there, holds up nobody
-- else: it is kept as a dead letter, and the relay tries it again by itself until HQ has decided
-- it.
--
-- Locks: ACCESS EXCLUSIVE on hq_export.dead_letter for the moment of a catalog change (no rewrite),
-- then SHARE while a partial index of no row is built. Only the relay and its command line write
-- there.

alter table hq_export.dead_letter add column retry_at timestamptz;
create index dead_letter_retry_idx on hq_export.dead_letter (retry_at)
  where retry_at is not null and resolved_at is null;

comment on column hq_export.dead_letter.retry_at is
  'when the relay tries the row again by itself; null where it does not';
