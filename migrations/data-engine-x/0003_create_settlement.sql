-- What the relay remembers on the source: which server life it delivers from, how far it got, and
-- what HQ refused.

-- -------------------------------------------------------------------------------------------------
-- Incarnation. UNLOGGED on purpose: crash recovery, a promoted standby and a restore from a base
-- backup all find it empty, and exactly these can have undone rows that were visible, so the relay
-- then sends everything retained again.
create unlogged table hq_export.incarnation (
  started_at timestamptz not null default pg_catalog.clock_timestamp(),
  id         uuid        not null default pg_catalog.gen_random_uuid()
);
comment on table hq_export.incarnation is
  'identity of this life of the server; empty after recovery, by design';
grant select, insert on hq_export.incarnation to hq_export_relay;

-- -------------------------------------------------------------------------------------------------
-- Acks: "everything visible in this snapshot has been settled". Insert-only, because an updated row
-- bloats for as long as any session holds an old snapshot; now and then one transaction empties it
-- by TRUNCATE and writes the newest again. The newest id counts.
create sequence hq_export.ack_seq as bigint cache 1;
create table hq_export.ack (
  id       bigint      not null default pg_catalog.nextval('hq_export.ack_seq'),
  acked_at timestamptz not null default pg_catalog.clock_timestamp(),
  epoch    text        not null,
  acked    pg_snapshot not null,
  constraint ack_pkey primary key (id)
) with (autovacuum_enabled = off);
comment on table hq_export.ack is
  'snapshots up to which everything is settled; the newest id counts';
comment on column hq_export.ack.epoch is
  '<system_identifier>.<incarnation>: an ack of another life of the server means nothing';
grant select, insert, truncate on hq_export.ack to hq_export_relay;
grant usage, select on sequence hq_export.ack_seq to hq_export_relay;

-- -------------------------------------------------------------------------------------------------
-- Dead letters: rows that HQ refused for good, or that could not be captured, with the reason. Kept
-- until an operator decides.
create table hq_export.dead_letter (
  id              bigint generated always as identity,
  first_failed_at timestamptz not null default pg_catalog.clock_timestamp(),
  last_failed_at  timestamptz not null default pg_catalog.clock_timestamp(),
  captured_at     timestamptz not null,
  xid             xid8        not null,
  attempts        integer     not null default 1,
  deleted         boolean     not null default false,
  dataset         text        not null,
  key             text,
  reason          text        not null,
  detail          text,
  batch           text,
  traceparent     text,
  body            text,
  fingerprint     bytea       not null,
  constraint dead_letter_pkey primary key (id),
  constraint dead_letter_attempts_check check (attempts > 0)
);
-- The same row refused again is one dead letter with more attempts, whatever batch carried it.
create unique index dead_letter_row_idx on hq_export.dead_letter (dataset, fingerprint);
comment on table hq_export.dead_letter is
  'rows that HQ refused or that could not be captured; see relay -- dead-letters';
comment on column hq_export.dead_letter.reason is 'code from HQ''s answer, or capture_failed';
comment on column hq_export.dead_letter.fingerprint is 'sha256 of key and body';
comment on column hq_export.dead_letter.batch is 'webhook-id of the batch that carried it';
grant select, insert, update, delete on hq_export.dead_letter to hq_export_relay;
