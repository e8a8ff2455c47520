-- What the sources' reconciliations came to, so that whoever works with HQ sees it: posted by the
-- source when a run has ended, kept 400 days. Names of columns, keys, versions and counts; never a
-- value of a row.
--
-- Locks: creates new objects only.

create table ingest.reconciliation (
  received_at    timestamptz not null default pg_catalog.clock_timestamp(),
  started_at     timestamptz not null,
  finished_at    timestamptz not null,
  id             uuid        not null,
  repair         boolean     not null,
  source         text        not null,
  schema_version text        not null,
  kind           text        not null,
  state          text        not null,
  version        text        not null,
  key_id         text        not null,
  orgs           uuid[],
  scope          jsonb       not null,
  datasets       jsonb       not null,
  fingerprint    bytea       not null,
  constraint reconciliation_pkey primary key (source, id)
);

create index reconciliation_finished_idx on ingest.reconciliation (source, finished_at);
create index reconciliation_received_idx on ingest.reconciliation (received_at);

comment on table ingest.reconciliation is
  'comparisons of a source with HQ that have ended, as the source posted them';
comment on column ingest.reconciliation.received_at is 'when it was posted last';
comment on column ingest.reconciliation.started_at is 'when the comparison began, by the source';
comment on column ingest.reconciliation.finished_at is 'when it ended, by the source';
comment on column ingest.reconciliation.id is 'id of the run, chosen by the source';
comment on column ingest.reconciliation.repair is 'what differed was to be sent once more';
comment on column ingest.reconciliation.source is 'source that compared itself';
comment on column ingest.reconciliation.schema_version is 'version of the contract';
comment on column ingest.reconciliation.kind is 'what began it: command, daily or follow';
comment on column ingest.reconciliation.state is
  'equal, different, repaired (sent once more and not read again yet) or undecided';
comment on column ingest.reconciliation.version is 'the program that compared';
comment on column ingest.reconciliation.key_id is
  'key that verified the signature: start of its SHA-256';
comment on column ingest.reconciliation.orgs is
  'the only orgs that this key may see, so that the run says nothing of others; null for all';
comment on column ingest.reconciliation.scope is 'which rows were compared';
comment on column ingest.reconciliation.datasets is 'what every dataset came to';
comment on column ingest.reconciliation.fingerprint is 'SHA-256 of what was posted';

create table ingest.reconciliation_finding (
  id             uuid    not null,
  position       integer not null,
  org_id         uuid,
  source_version bigint,
  hq_version     bigint,
  source         text    not null,
  dataset        text    not null,
  key            text    not null,
  class          text    not null,
  repair         text    not null,
  reason         text,
  columns        text[]  not null,
  constraint reconciliation_finding_pkey primary key (source, id, position),
  constraint reconciliation_finding_run foreign key (source, id)
    references ingest.reconciliation (source, id) on delete cascade
);

comment on table ingest.reconciliation_finding is 'keys that were not the same on both sides';
comment on column ingest.reconciliation_finding.id is 'run that found it';
comment on column ingest.reconciliation_finding.position is 'its place among them, from 0';
comment on column ingest.reconciliation_finding.org_id is 'org of the row, where it is known';
comment on column ingest.reconciliation_finding.source_version is 'version at the source';
comment on column ingest.reconciliation_finding.hq_version is 'version in HQ';
comment on column ingest.reconciliation_finding.source is 'source that found it';
comment on column ingest.reconciliation_finding.dataset is 'dataset of the row';
comment on column ingest.reconciliation_finding.key is 'primary key, joined by /';
comment on column ingest.reconciliation_finding.class is
  'missing, stale, different, ahead, extra, or refused: known, and no difference';
comment on column ingest.reconciliation_finding.repair is
  'none, sent (once more), failed or not_repairable';
comment on column ingest.reconciliation_finding.reason is 'why it was refused';
comment on column ingest.reconciliation_finding.columns is 'names of the columns that differ';

alter table ingest.reconciliation owner to hq_ingest_writer;
alter table ingest.reconciliation_finding owner to hq_ingest_writer;
