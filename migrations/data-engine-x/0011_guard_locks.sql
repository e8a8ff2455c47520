-- What serialises relays and backfills, out of the reach of everybody else. An advisory lock is
-- anybody's to take, so its key stands where only the relay may read it, and the relay writes a new
-- one when it finds a stranger in possession; what waits for its turn locks a row here instead.
--
-- Locks: creates a new object only. A relay that reads the first keys keeps out one of the build
-- before, which had them in its code.

create table hq_export.advisory_lock (
  key  bigint not null,
  name text   not null,
  constraint advisory_lock_pkey primary key (name)
);
-- An event trigger may have turned it on for every new table, for its owner, too, who writes here
-- next.
alter table hq_export.advisory_lock disable row level security, no force row level security;
insert into hq_export.advisory_lock (name, key)
values ('lead', 7526753411774280308), ('backfill', 7525904622732142185),
  ('epoch', 7526753411573313379);

comment on table hq_export.advisory_lock is
  'keys of the advisory locks that relays hold, and rows that they lock in turn';
comment on column hq_export.advisory_lock.key is
  'written anew by the relay where a session that is none of ours holds it';
comment on column hq_export.advisory_lock.name is
  'lead: the relay that works; backfill: who executes backfills; epoch: who names a life of the '
  'server, by a lock on this row';
grant select, update on hq_export.advisory_lock to hq_export_relay;
