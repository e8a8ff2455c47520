-- What quality checks know and found. Counts, names of columns, operations, providers and types of
-- events; never a value of a row. Only the gateway that holds the lock `quality` writes here, beside
-- a command that accepts an incident, which locks the incident's row.
--
-- Locks: creates new objects only, and adds a row to a table that gateways lock rows of.

insert into ingest.advisory_lock (name, key)
values ('quality', pg_catalog.hashtextextended('ingest quality', 0));
comment on column ingest.advisory_lock.name is
  'batch: the seed of what claims a batch id; partitions: who creates one, by a lock on this row; '
  'retention: who keeps the ledger; quality: who judges what came';

create table ingest.quality_hour (
  hour    timestamptz not null,
  source  text        not null,
  dataset text        not null,
  profile jsonb       not null,
  constraint quality_hour_pkey primary key (source, dataset, hour)
);

comment on table ingest.quality_hour is
  'whole hours in which rows came, the sum of their minutes: what is usual is read from them';
comment on column ingest.quality_hour.hour is 'its begin, by HQ''s clock';
comment on column ingest.quality_hour.source is 'source of the rows';
comment on column ingest.quality_hour.dataset is 'dataset of the rows';
comment on column ingest.quality_hour.profile is 'what the rows were like';

create table ingest.quality_progress (
  since          timestamptz not null,
  hours_through  timestamptz not null,
  judged_through timestamptz not null,
  reported_through date      not null,
  source         text        not null,
  dataset        text        not null,
  pending        jsonb       not null default '{}',
  constraint quality_progress_pkey primary key (source, dataset)
);

comment on table ingest.quality_progress is 'how far what came was judged';
comment on column ingest.quality_progress.since is 'hour in which rows came first';
comment on column ingest.quality_progress.hours_through is 'hours before it are summed up';
comment on column ingest.quality_progress.judged_through is 'windows before it are judged';
comment on column ingest.quality_progress.reported_through is 'days before it have their report';
comment on column ingest.quality_progress.source is 'source of the rows';
comment on column ingest.quality_progress.dataset is 'dataset of the rows';
comment on column ingest.quality_progress.pending is
  'by check: the begin of the windows that had too few rows and are judged with the next';

create table ingest.incident (
  id             bigint      generated always as identity,
  began_at       timestamptz not null,
  opened_at      timestamptz not null,
  last_failed_at timestamptz not null,
  told_at        timestamptz not null,
  closed_at      timestamptz,
  accepted_at    timestamptz,
  size           float8      not null,
  clean_windows  integer     not null default 0,
  repeats        integer     not null default 0,
  source         text        not null,
  dataset        text        not null,
  check_name     text        not null,
  severity       text        not null,
  accepted_by    text,
  note           text,
  evidence       jsonb       not null,
  constraint incident_pkey primary key (id),
  constraint incident_severity_is_known check (severity in ('page', 'warn'))
);

create unique index incident_open_key on ingest.incident (source, dataset, check_name)
  where closed_at is null;
create index incident_check_idx on ingest.incident (source, dataset, check_name, began_at);

comment on table ingest.incident is
  'checks that failed: open until two windows in a row are clean; kept 400 days';
comment on column ingest.incident.id is 'number of the incident';
comment on column ingest.incident.began_at is 'begin of the first window that failed';
comment on column ingest.incident.opened_at is 'its end';
comment on column ingest.incident.last_failed_at is 'end of the last window that failed';
comment on column ingest.incident.told_at is 'when it was told last';
comment on column ingest.incident.closed_at is 'end of the second clean window; null while open';
comment on column ingest.incident.accepted_at is
  'when somebody said that this is how it is now: from its begin on it is the usual';
comment on column ingest.incident.size is 'what was measured when it was told last';
comment on column ingest.incident.clean_windows is 'windows in a row without it';
comment on column ingest.incident.repeats is 'how often it was told again';
comment on column ingest.incident.source is 'source of the rows';
comment on column ingest.incident.dataset is 'dataset of the rows';
comment on column ingest.incident.check_name is 'check that failed';
comment on column ingest.incident.severity is 'page: somebody should look now; warn: by day';
comment on column ingest.incident.accepted_by is 'login that accepted it';
comment on column ingest.incident.note is 'why it was accepted';
comment on column ingest.incident.evidence is
  'the verdict that failed last: numbers, and the operation, provider or value that stands out';

create table ingest.quality_report (
  made_at  timestamptz not null default pg_catalog.clock_timestamp(),
  day      date        not null,
  source   text        not null,
  dataset  text        not null,
  profile  jsonb       not null,
  events   jsonb,
  verdicts jsonb       not null,
  constraint quality_report_pkey primary key (source, dataset, day)
);

comment on table ingest.quality_report is 'what the checks of a day came to; kept 400 days';
comment on column ingest.quality_report.made_at is 'when it was made';
comment on column ingest.quality_report.day is 'day that it is about, UTC, by HQ''s clock';
comment on column ingest.quality_report.source is 'source of the rows';
comment on column ingest.quality_report.dataset is 'dataset of the rows';
comment on column ingest.quality_report.profile is 'what the rows of the day were like';
comment on column ingest.quality_report.events is
  'of events: what those of the day''s runs were like, as numbers';
comment on column ingest.quality_report.verdicts is 'what every check came to';

alter table ingest.quality_hour owner to hq_ingest_writer;
alter table ingest.quality_progress owner to hq_ingest_writer;
alter table ingest.incident owner to hq_ingest_writer;
alter table ingest.quality_report owner to hq_ingest_writer;
