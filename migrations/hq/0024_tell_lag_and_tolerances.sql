-- How far HQ is behind with each dataset by itself, as its source tells it every few seconds, also
-- while nothing can be said of how far it is complete. What checks may find; what weeks came to.
--
-- Locks: creates new objects; ACCESS EXCLUSIVE on ingest.freshness and hq.dx_freshness for the
-- moment of a catalog change (no rewrite): a reader of the view, or a post of a source, waits.

alter table ingest.freshness add column behind interval, add column lag_told_at timestamptz;
comment on column ingest.freshness.behind is
  'age of the oldest row that HQ had not decided when the source looked, by its clock; 0: none '
  'waited; null while it has not said';
comment on column ingest.freshness.lag_told_at is 'when that arrived';

-- As before but for the lag, which says nothing of any org either. Neither clock is compared with
-- the other.
create or replace view hq.dx_freshness with (security_barrier = true) as
select f.source, f.dataset, f.complete_through,
  f.behind operator(pg_catalog.+) greatest(
    pg_catalog.clock_timestamp() operator(pg_catalog.-) f.lag_told_at, interval '0') as lag,
  case when viewer.is_limited then 0 else f.refused end operator(pg_catalog.+) (
    select count(*) from ingest.quarantine as q
    where q.source operator(pg_catalog.=) f.source and q.dataset operator(pg_catalog.=) f.dataset
      and q.resolved_at is null
      and (not viewer.is_limited or q.org_id operator(pg_catalog.=) viewer.org_id)
  ) as open_refused,
  compared.finished_at as reconciled_at, compared.state as reconciled_state, f.schema_version
from (
  select own.org_id, own.org_id is not null or coalesce((
    select not login.rolsuper
      and pg_catalog.pg_has_role(login.oid, 'hq_org_reader', 'member')
    from pg_catalog.pg_roles as login
    where login.rolname operator(pg_catalog.=) session_user
  ), true) as is_limited
  from (select hq.visible_org() as org_id) as own
) as viewer
cross join ingest.freshness as f
left join lateral (
  select r.finished_at, d.value operator(pg_catalog.->>) 'state' as state
  from ingest.reconciliation as r
  cross join lateral pg_catalog.jsonb_array_elements(r.datasets) as d
  where r.source operator(pg_catalog.=) f.source and r.orgs is null
    and r.scope operator(pg_catalog.=) '{}'::pg_catalog.jsonb
    and r.kind operator(pg_catalog.<>) 'follow'
    and d.value operator(pg_catalog.->>) 'dataset' operator(pg_catalog.=) f.dataset
    and not viewer.is_limited
  order by r.finished_at desc
  limit 1
) as compared on true;

comment on column hq.dx_freshness.lag is
  'how far HQ is behind: age of the oldest row that it has not decided, as the source said last, '
  'and the time since then; null while the source has not said';

-- What somebody has said a check may find. One that is dismissed again and again asks for it.
create table ingest.quality_tolerance (
  changed_at timestamptz not null default pg_catalog.clock_timestamp(),
  size       float8      not null,
  source     text        not null,
  dataset    text        not null,
  check_name text        not null,
  changed_by text        not null,
  note       text        not null,
  constraint quality_tolerance_pkey primary key (source, dataset, check_name),
  constraint quality_tolerance_size_check check (size >= 0)
);

comment on table ingest.quality_tolerance is
  'how much a check that compares with the usual may find without failing; last change of each';
comment on column ingest.quality_tolerance.changed_at is
  'when it was changed last: dismissals before it do not count';
comment on column ingest.quality_tolerance.size is
  'share, or number where the check has none, up to which it does not fail; 0: as declared';
comment on column ingest.quality_tolerance.source is 'source of the rows';
comment on column ingest.quality_tolerance.dataset is 'dataset of the rows';
comment on column ingest.quality_tolerance.check_name is 'the check';
comment on column ingest.quality_tolerance.changed_by is 'who changed it';
comment on column ingest.quality_tolerance.note is 'why';

create table ingest.quality_digest (
  made_at timestamptz not null default pg_catalog.clock_timestamp(),
  week    date        not null,
  source  text        not null,
  digest  jsonb       not null,
  constraint quality_digest_pkey primary key (source, week)
);

comment on table ingest.quality_digest is
  'what the checks of a source came to in a week, and which are worth nothing; kept 400 days';
comment on column ingest.quality_digest.made_at is 'when it was made';
comment on column ingest.quality_digest.week is 'its Monday, UTC, by HQ''s clock';
comment on column ingest.quality_digest.source is 'source of the rows';
comment on column ingest.quality_digest.digest is 'incidents; names of checks';

alter table ingest.quality_tolerance owner to hq_ingest_writer;
alter table ingest.quality_digest owner to hq_ingest_writer;
