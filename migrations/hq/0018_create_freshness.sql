-- How far every dataset of a source is complete, as the source tells it, for those who read HQ.
--
-- Locks: creates new objects only. A post locks the row of its source, so that two posts of one
-- source are stored one after the other; nobody else does.

create table ingest.freshness_epoch (
  source text   not null,
  epoch  text   not null,
  former text[] not null default '{}',
  constraint freshness_epoch_pkey primary key (source)
) with (fillfactor = 50);

comment on table ingest.freshness_epoch is 'the life of each source that counts';
comment on column ingest.freshness_epoch.source is 'name of the source';
comment on column ingest.freshness_epoch.epoch is 'the one that was heard of last for the first time';
comment on column ingest.freshness_epoch.former is
  'lives before it: what a relay of one of them still posts is not stored';

create table ingest.freshness (
  complete_through timestamptz,
  told_at          timestamptz not null,
  received_at      timestamptz not null default pg_catalog.clock_timestamp(),
  refused          bigint      not null,
  source           text        not null,
  dataset          text        not null,
  epoch            text        not null,
  schema_version   text        not null,
  key_id           text        not null,
  constraint freshness_pkey primary key (source, dataset)
  -- Updated up to once a second, in no indexed column: heap-only.
) with (fillfactor = 50);

comment on table ingest.freshness is 'how far the datasets of the sources are complete in HQ';
comment on column ingest.freshness.complete_through is
  'every transaction of the source whose COMMIT had returned before this moment, on its clock, is '
  'in HQ or refused; null while that is not known; never goes back within an epoch';
comment on column ingest.freshness.told_at is 'clock of the source when it told us last';
comment on column ingest.freshness.received_at is 'when that arrived';
comment on column ingest.freshness.source is 'source that told it';
comment on column ingest.freshness.dataset is 'dataset of the contract';
comment on column ingest.freshness.refused is
  'open dead letters of the source that HQ has never seen';
comment on column ingest.freshness.epoch is 'life of the source that told it';
comment on column ingest.freshness.schema_version is 'version of the contract';
comment on column ingest.freshness.key_id is
  'key that verified the signature: start of its SHA-256';

alter table ingest.freshness_epoch owner to hq_ingest_writer;
alter table ingest.freshness owner to hq_ingest_writer;

-- Readers see ingest through it as its owner does. Whom an org is shown, by its login or by
-- hq.org_id, is told how far each dataset is complete, which says nothing of any org, and of the
-- refused rows its own; the source's dead letters and the reconciliations are of all orgs, and so
-- is what is told of them.
create view hq.dx_freshness with (security_barrier = true) as
select f.source, f.dataset, f.complete_through,
  case when f.complete_through is not null then greatest(
    pg_catalog.clock_timestamp() operator(pg_catalog.-) f.complete_through, interval '0')
  end as lag,
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

comment on view hq.dx_freshness is
  'how far each dataset is complete: count on rows that committed before complete_through';
comment on column hq.dx_freshness.lag is 'now, by HQ''s clock, less complete_through; never negative';
comment on column hq.dx_freshness.open_refused is
  'rows that HQ or the source has put aside and nobody has resolved; an org sees its own in HQ';
comment on column hq.dx_freshness.reconciled_at is
  'when the last comparison of the whole dataset ended, by the source''s clock; null for an org';
comment on column hq.dx_freshness.reconciled_state is
  'equal, different, repaired or undecided; null for an org';

alter view hq.dx_freshness owner to hq_ingest_writer;
grant select on hq.dx_freshness to hq_reader, hq_org_reader;
