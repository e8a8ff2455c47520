-- The gateway's machinery. All three tables are written in the transaction that writes the rows, so
-- what they say is true if and only if the rows are there.
--
-- Locks: creates new objects only.

create table ingest.batch (
  received_at    timestamptz not null default pg_catalog.clock_timestamp(),
  wire_bytes     integer     not null,
  decoded_bytes  integer     not null,
  source         text        not null,
  batch          text        not null,
  fingerprint    bytea       not null,
  dataset        text        not null,
  schema_version text        not null,
  epoch          text,
  key_id         text        not null,
  trace_id       text,
  span_id        text,
  answer         jsonb       not null,
  constraint batch_pkey primary key (source, batch),
  constraint batch_fingerprint_is_sha256 check (pg_catalog.octet_length(fingerprint) = 32)
);

create index batch_source_received_idx on ingest.batch (source, received_at);

comment on table ingest.batch is
  'ledger: every batch that was applied, with the answer that a repeated delivery gets again';
comment on column ingest.batch.received_at is 'when the batch was written';
comment on column ingest.batch.wire_bytes is 'bytes of the body as sent';
comment on column ingest.batch.decoded_bytes is 'bytes of the body after decompression';
comment on column ingest.batch.source is 'source that signed the batch';
comment on column ingest.batch.batch is 'webhook-id: idempotency key, chosen by the source';
comment on column ingest.batch.fingerprint is
  'SHA-256 of the decoded body; compressed bytes differ between attempts';
comment on column ingest.batch.dataset is 'dataset of its rows';
comment on column ingest.batch.schema_version is 'version of the contract it was written for';
comment on column ingest.batch.epoch is 'life of the source database that wrote the rows';
comment on column ingest.batch.key_id is 'key that verified the signature: start of its SHA-256';
comment on column ingest.batch.trace_id is
  'trace in which it was applied, where the caller sent one or tracing is on';
comment on column ingest.batch.span_id is 'span in which it was applied';
comment on column ingest.batch.answer is
  'body of the 200: counts, and every row that was neither inserted nor updated';

create table ingest.quarantine (
  id             bigint      generated always as identity,
  first_seen_at  timestamptz not null default pg_catalog.clock_timestamp(),
  resolved_at    timestamptz,
  captured_at    timestamptz not null,
  xid            xid8        not null,
  org_id         uuid,
  row_index      integer     not null,
  deleted        boolean     not null,
  source         text        not null,
  dataset        text        not null,
  schema_version text        not null,
  batch          text        not null,
  code           text        not null,
  key            text,
  pointer        text,
  detail         text,
  traceparent    text,
  row_sha256     bytea       not null,
  row_text       text        not null,
  constraint quarantine_pkey primary key (id)
);

-- The same bad row again, in whatever batch, is the same entry: delivering it twice changes
-- nothing. Inserted in the order of this key with ON CONFLICT DO NOTHING, so that two batches with
-- the same bad rows cannot deadlock.
create unique index quarantine_open_key
  on ingest.quarantine (source, dataset, row_sha256, deleted, code)
  where resolved_at is null;
create index quarantine_batch_idx on ingest.quarantine (source, batch);

comment on table ingest.quarantine is
  'rows that HQ refused, kept with the reason until someone resolves them';
comment on column ingest.quarantine.id is 'number of the entry';
comment on column ingest.quarantine.first_seen_at is 'when the row was refused first';
comment on column ingest.quarantine.resolved_at is
  'when it was replayed or discarded; null while it is open';
comment on column ingest.quarantine.captured_at is 'when the source captured the row';
comment on column ingest.quarantine.xid is 'transaction of the source that wrote the row';
comment on column ingest.quarantine.org_id is 'org of the row, where it names one';
comment on column ingest.quarantine.row_index is 'position in the batch, from 0';
comment on column ingest.quarantine.deleted is
  'the row was sent as the last state of a deleted entity';
comment on column ingest.quarantine.source is 'source that sent the row';
comment on column ingest.quarantine.dataset is 'dataset it was sent for';
comment on column ingest.quarantine.schema_version is 'version of the contract it was written for';
comment on column ingest.quarantine.batch is 'batch in which it came first';
comment on column ingest.quarantine.code is 'why, from the closed set of the contract package';
comment on column ingest.quarantine.key is
  'primary key, joined by /, where the row has a valid one';
comment on column ingest.quarantine.pointer is 'JSON pointer into the body of the batch';
comment on column ingest.quarantine.detail is 'the rule that was broken, in words; never a value';
comment on column ingest.quarantine.traceparent is
  'trace context of the transaction that wrote the row';
comment on column ingest.quarantine.row_sha256 is 'SHA-256 of row_text';
comment on column ingest.quarantine.row_text is
  'JSON text of the row exactly as sent; text, because jsonb cannot hold U+0000';

create table ingest.heartbeat (
  source_ts   timestamptz not null,
  received_at timestamptz not null default pg_catalog.clock_timestamp(),
  source      text        not null,
  batch       text        not null,
  epoch       text,
  constraint heartbeat_pkey primary key (source)
);

comment on table ingest.heartbeat is
  'newest heartbeat of every source: how far behind HQ is even when nothing changes';
comment on column ingest.heartbeat.source_ts is 'clock of the source when it wrote the heartbeat';
comment on column ingest.heartbeat.received_at is 'clock of HQ when it arrived';
comment on column ingest.heartbeat.source is 'source that sent it';
comment on column ingest.heartbeat.batch is 'batch that brought it';
comment on column ingest.heartbeat.epoch is 'life of the source database that wrote it';

alter table ingest.batch owner to hq_ingest_writer;
alter table ingest.quarantine owner to hq_ingest_writer;
alter table ingest.heartbeat owner to hq_ingest_writer;

-- The gateway asks on start whether the database is migrated.
grant select on ingest.migration to hq_ingest_writer;
