-- A version that HQ holds with other content (a failover lost a commit) is sent again above it by
-- the relay itself, once. Which transaction did so is how the relay knows its own attempt when HQ
-- refuses that, too, and leaves the letter to an operator.
--
-- Locks: ACCESS EXCLUSIVE on hq_export.dead_letter for the moment of a catalog change (no rewrite).
-- Only the relay and its command line write there.

alter table hq_export.dead_letter add column resent_xid xid8;
create index dead_letter_resent_idx on hq_export.dead_letter (resent_xid)
  where resent_xid is not null;

comment on column hq_export.dead_letter.resent_xid is
  'transaction that put the row into the outbox again, by the relay or an operator; '
  'null while none has';
