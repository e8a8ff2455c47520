-- Keys whose entities are to be sent once more, each as its view has it by then: after a replay, a
-- version that HQ held with other content, or an insert that raced with a delete. Whoever decides
-- so notes the key, in the transaction that settles what made it necessary; the relay's loop
-- projects it into the outbox and deletes the entry, in one transaction.
--
-- Locks: creates a new object; no lock on a table of the application.

create table hq_export.reexport (
  dataset     smallint    not null,
  key         text        not null,
  reason      text        not null,
  noted_at    timestamptz not null default pg_catalog.clock_timestamp(),
  traceparent text,
  letter      bigint,
  constraint reexport_pkey primary key (dataset, key),
  constraint reexport_reason_check check (reason in ('replay', 'version_conflict', 'delete_race'))
);
comment on table hq_export.reexport is
  'keys whose rows go into the outbox once more, as their views have them; empty at rest';
comment on column hq_export.reexport.reason is
  'why it was noted last';
comment on column hq_export.reexport.noted_at is
  'server''s clock when the key was noted first: for who looks, nothing waits for it';
comment on column hq_export.reexport.traceparent is
  'trace context of the transaction that wrote the row first';
comment on column hq_export.reexport.letter is
  'the dead letter that this is a replay of; null where it is none';

grant select, insert, update, delete on hq_export.reexport to hq_export_relay;
