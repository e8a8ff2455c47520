-- What an operator decides about a refused row, and who decided it.
--
-- An open entry is one row, whatever it is refused for: refused again for another reason, it says
-- the newer one.
--
-- Locks: ACCESS EXCLUSIVE on ingest.quarantine, for a rewrite of nothing but its index on open
-- entries.

alter table ingest.quarantine
  add column last_seen_at    timestamptz,
  add column seen_count      integer not null default 1,
  add column org_allowed     boolean not null default false,
  add column resolution      text,
  add column resolved_by     text,
  add column resolution_note text,
  add column trace_id        text;

update ingest.quarantine set last_seen_at = first_seen_at;
update ingest.quarantine set resolution = 'discarded', resolved_by = 'unknown'
where resolved_at is not null;
alter table ingest.quarantine
  alter column last_seen_at set default pg_catalog.clock_timestamp(),
  alter column last_seen_at set not null;

update ingest.quarantine q
set resolved_at = pg_catalog.clock_timestamp(), resolution = 'discarded', resolved_by = 'migration',
  resolution_note = 'the same row is open as ' || newest.id
from (
  select id, pg_catalog.max(id) over (partition by source, dataset, row_sha256, deleted)
    as newest_id
  from ingest.quarantine where resolved_at is null
) as open, lateral (select open.newest_id as id) as newest
where q.id = open.id and open.id <> newest.id;

drop index ingest.quarantine_open_key;
-- Inserted in the order of this key, so that two batches with the same bad rows cannot deadlock.
create unique index quarantine_open_key on ingest.quarantine (source, dataset, row_sha256, deleted)
  where resolved_at is null;

alter table ingest.quarantine
  add constraint quarantine_resolution_is_whole check (
    (resolved_at is null) = (resolution is null) and (resolution is null) = (resolved_by is null)),
  add constraint quarantine_resolution_is_known check (resolution in ('replayed', 'discarded'));

comment on column ingest.quarantine.batch is 'batch in which it came last';
comment on column ingest.quarantine.last_seen_at is 'when the row was refused last';
comment on column ingest.quarantine.seen_count is 'how often it was refused';
comment on column ingest.quarantine.org_allowed is
  'the key that signed the row may write its org; no other row is replayed here';
comment on column ingest.quarantine.resolution is
  'replayed: its row was applied; discarded: it is not wanted; null while it is open';
comment on column ingest.quarantine.resolved_by is 'who resolved it';
comment on column ingest.quarantine.resolution_note is
  'why it was discarded, or the batch that replayed it';
comment on column ingest.quarantine.trace_id is 'trace in which it was refused last';
comment on column ingest.quarantine.row_text is
  'JSON text of the row exactly as sent, but for secrets, which are replaced; '
  'text, because jsonb cannot hold U+0000';

-- Filters of the operator: newest first, by what is open.
create index quarantine_open_idx on ingest.quarantine (dataset, code, id) where resolved_at is null;

create table if not exists ingest.audit (
  id      bigint      generated always as identity,
  at      timestamptz not null default pg_catalog.clock_timestamp(),
  actor   text        not null,
  action  text        not null,
  subject text        not null,
  detail  jsonb       not null default '{}',
  constraint audit_pkey primary key (id)
);

create index if not exists audit_subject_idx on ingest.audit (subject, id);

comment on table ingest.audit is
  'what operators did by hand, written in the transaction that did it; rows are only ever added';
comment on column ingest.audit.id is 'number of the entry';
comment on column ingest.audit.at is 'when';
comment on column ingest.audit.actor is 'who: --by of the command, or the login role';
comment on column ingest.audit.action is 'what, such as quarantine.discard';
comment on column ingest.audit.subject is 'to what, such as the id of a key';
comment on column ingest.audit.detail is 'circumstances; never a secret, never a value of a row';

alter table ingest.audit owner to hq_ingest_writer;
revoke update, delete, truncate on ingest.audit from hq_ingest_writer;
