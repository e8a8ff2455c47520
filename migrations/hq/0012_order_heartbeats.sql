-- Which of two heartbeats is the newer says the transaction that wrote it, no longer the source's
-- clock: that can be set back.
--
-- Locks: ACCESS EXCLUSIVE on a table of one row per source for the moment of a catalog change.

alter table ingest.heartbeat add column xid xid8;
comment on column ingest.heartbeat.xid is
  'transaction of the source that wrote it: of two of one epoch the higher is the newer; '
  'null before the first under this rule';
comment on column ingest.heartbeat.source_ts is
  'clock of the source when it wrote the heartbeat; it may step in either direction';
