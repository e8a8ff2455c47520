-- A letter that an operator settled opens again for what was captured later. Later says the
-- transaction id, because the clock can be set back between the two; where another server settled
-- it, its ids mean nothing here, and the clock says.
--
-- Locks: ACCESS EXCLUSIVE on hq_export.dead_letter for the moment of a catalog change (no rewrite).

alter table hq_export.dead_letter
  add column resolved_xid xid8,
  add column resolved_system bigint;
comment on column hq_export.dead_letter.resolved_xid is 'transaction that settled it last';
comment on column hq_export.dead_letter.resolved_system is
  'system identifier of the server whose transaction id that is';
