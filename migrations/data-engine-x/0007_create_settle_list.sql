-- What a binding of a source needs that says things late, in pieces, or beyond the contract.
--
-- Locks: creates new objects, and adds a column to hq_export.binding; no lock on a table of the
-- application.

-- -------------------------------------------------------------------------------------------------
-- Settle list. A row that other rows complete in later transactions (a run, by its attempts) is not
-- exported when it is written: its key is noted here, and the relay projects the row from its view
-- once it is due and nobody can still add to it. Insert-only, in two tables that the relay turns by
-- TRUNCATE, as the outbox; nothing is updated or deleted, so an old snapshot bloats nothing.
create table hq_export.settle_0 (
  xid         xid8        not null default pg_catalog.pg_current_xact_id(),
  due_at      timestamptz not null,
  dataset     smallint    not null,
  key         text        not null,
  traceparent text
) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table hq_export.settle_1 (like hq_export.settle_0 including defaults)
  with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create index settle_0_key_idx on hq_export.settle_0 (key);
create index settle_1_key_idx on hq_export.settle_1 (key);

create view hq_export.settle as
select xid, due_at, dataset, key, traceparent from hq_export.settle_0
union all
select xid, due_at, dataset, key, traceparent from hq_export.settle_1;

comment on table hq_export.settle_0 is
  'keys of rows that are exported once they are due; one of two rotated tables';
comment on table hq_export.settle_1 is
  'keys of rows that are exported once they are due; one of two rotated tables';
comment on view hq_export.settle is
  'the settle list, what is exported already and not yet emptied included';
comment on column hq_export.settle_0.due_at is
  'capture or creation of the row, whichever is later, plus the settle delay of its dataset';

-- Number of the table that writers fill now; a sequence for the reason that current_outbox is one.
create sequence hq_export.current_settle as smallint minvalue 0 maxvalue 1 start with 0;
select pg_catalog.setval('hq_export.current_settle', 0, true);

-- Epoch microseconds: what was due until then is closed, and a child row that comes now comes late.
-- Read without MVCC, so that a writer under an old snapshot sees it too. The relay raises it, then
-- waits for everyone who was already writing children.
create sequence hq_export.settle_horizon as bigint minvalue 0 start with 0;
select pg_catalog.setval('hq_export.settle_horizon', 0, true);
comment on sequence hq_export.settle_horizon is
  'epoch microseconds up to which settle keys are closed to late children';

-- Marks: what was visible in `seen` and due until `due_before` is in the outbox. A mark commits
-- together with the rows that it speaks of, so each row goes out once, whatever dies. The newest id
-- counts; older ones are deleted, which leaves dead rows only where nobody looks.
create table hq_export.settled (
  id                bigint      not null generated always as identity,
  due_before        timestamptz not null,
  seen              pg_snapshot not null,
  system_identifier bigint      not null default (pg_catalog.pg_control_system()).system_identifier,
  constraint settled_pkey primary key (id)
);
comment on table hq_export.settled is 'how far the settle list is exported; the newest id counts';
comment on column hq_export.settled.system_identifier is
  'the server whose transaction ids `seen` is made of';

-- -------------------------------------------------------------------------------------------------
-- Exceptions that triggers note, so that the views say what was exported; both are empty as long as
-- the source writes as it does today.
create table hq_export.late_child (
  dataset smallint not null,
  key     text     not null,
  constraint late_child_pkey primary key (dataset, key)
);
comment on table hq_export.late_child is
  'rows that came after what they belong to was exported; they do not count for it';

create table hq_export.assigned_sequence (
  sequence integer  not null,
  dataset  smallint not null,
  key      text     not null,
  constraint assigned_sequence_pkey primary key (dataset, key)
);
-- Numbers for rows that were inserted while another transaction was inserting into their group,
-- unseen: far above all counted ones.
create sequence hq_export.apart_sequence as integer minvalue 1000000000 cycle;
comment on table hq_export.assigned_sequence is
  'numbers of rows that came in a later statement than the first of their group; '
  'the rest is counted';

-- -------------------------------------------------------------------------------------------------
-- Inserted rows that the filter of a binding leaves out, one counter per dataset. Sequences: no row
-- to contend for or to bloat. An insert that was rolled back has counted too.
create sequence hq_export.filtered_1 as bigint cache 1;
create sequence hq_export.filtered_2 as bigint cache 1;
create sequence hq_export.filtered_3 as bigint cache 1;
create sequence hq_export.filtered_4 as bigint cache 1;
comment on sequence hq_export.filtered_1 is 'inserted rows outside the filter of dataset 1';
comment on sequence hq_export.filtered_2 is 'inserted rows outside the filter of dataset 2';
comment on sequence hq_export.filtered_3 is 'inserted rows outside the filter of dataset 3';
comment on sequence hq_export.filtered_4 is 'inserted rows outside the filter of dataset 4';

-- -------------------------------------------------------------------------------------------------
alter table hq_export.binding add column captured_since timestamptz
  not null default pg_catalog.clock_timestamp();
comment on column hq_export.binding.captured_since is
  'since when every change of the dataset is captured; a new binding of it keeps the moment';

-- -------------------------------------------------------------------------------------------------
-- The canonical payload, down to the names that may leave the source. What is not an object has
-- none of them.
create function hq_export.allowed_payload(p_payload jsonb, p_names text[]) returns jsonb
  language sql immutable parallel safe
  return coalesce((
    select pg_catalog.jsonb_object_agg(e.key, e.value)
    from pg_catalog.jsonb_each(case when pg_catalog.jsonb_typeof(p_payload) = 'object'
      then p_payload else '{}' end) e
    where e.key = any (p_names)
  ), '{}');
comment on function hq_export.allowed_payload(jsonb, text[]) is
  'a payload without the keys that are not named';

-- -------------------------------------------------------------------------------------------------
-- Entity ids as data-engine-x derives them: uuid5(NAMESPACE_URL, key). hq_export.uuid5(text) is
-- created by `bind`, where the binding asks for uuid-ossp, because that extension stands in another
-- schema everywhere.

-- First text of the names, in their order, that is not blank; of each name, in the order of the
-- payloads. Trimmed of what Python's str.strip() takes for white space.
create function hq_export.first_text(p_names text[], p_payloads jsonb[]) returns text
  language sql immutable parallel safe
  return (
    select t.value
    from pg_catalog.unnest(p_names) with ordinality n (name, place)
    cross join pg_catalog.unnest(p_payloads) with ordinality p (payload, place)
    cross join lateral (
      select pg_catalog.btrim(p.payload ->> n.name,
        E'\u0009\u000a\u000b\u000c\u000d\u001c\u001d\u001e\u001f\u0020\u0085\u00a0\u1680\u2000'
        '\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
      ) as value
    ) t
    where pg_catalog.jsonb_typeof(p.payload -> n.name) = 'string' and t.value <> ''
    order by n.place, p.place
    limit 1
  );
comment on function hq_export.first_text(text[], jsonb[]) is
  'first text that is not blank, by name and then by payload';

-- Lower case by ICU: that of the database's locale may know ASCII alone.
create function hq_export.entity_id(p_entity_type text, p_org_id uuid, variadic p_payloads jsonb[])
  returns uuid
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_prefix text := p_entity_type || ':' || p_org_id::text || ':';
  -- uuid.UUID() of Python takes these shapes, and so does the source.
  v_explicit text := replace(btrim(replace(replace(
    hq_export.first_text(array['entity_id'], p_payloads),
    'urn:', ''), 'uuid:', ''), '{}'), '-', '');
  v_text text;
begin
  if v_explicit ~ '^[0-9a-fA-F]{32}$' then
    return v_explicit::uuid;
  end if;
  if p_entity_type = 'company' then
    v_text := lower(
      hq_export.first_text(array['canonical_domain', 'company_domain', 'domain'], p_payloads)
      collate "und-x-icu");
    if strpos(v_text, '://') > 0 then
      v_text := substring(v_text from '://([^/?#]*)');
    end if;
    v_text := regexp_replace(split_part(v_text, '/', 1), '^www\.', '');
    if v_text <> '' then
      return hq_export.uuid5(v_prefix || 'domain:' || v_text);
    end if;
    v_text := lower(rtrim(
      hq_export.first_text(array['linkedin_url', 'company_linkedin_url'], p_payloads), '/')
      collate "und-x-icu");
    if v_text <> '' then
      return hq_export.uuid5(v_prefix || 'linkedin:' || v_text);
    end if;
    v_text := lower(
      hq_export.first_text(array['canonical_name', 'company_name', 'name'], p_payloads)
      collate "und-x-icu");
    return hq_export.uuid5(v_prefix || 'name:' || v_text);
  elsif p_entity_type = 'person' then
    v_text := lower(rtrim(hq_export.first_text(array['linkedin_url'], p_payloads), '/')
      collate "und-x-icu");
    if v_text <> '' then
      return hq_export.uuid5(v_prefix || 'linkedin:' || v_text);
    end if;
    v_text := lower(hq_export.first_text(array['work_email', 'email'], p_payloads)
      collate "und-x-icu");
    if v_text <> '' then
      return hq_export.uuid5(v_prefix || 'work_email:' || v_text);
    end if;
    v_text := lower(hq_export.first_text(array['full_name'], p_payloads) collate "und-x-icu");
    return hq_export.uuid5(v_prefix || 'full_name:' || v_text);
  end if;
  return null;
end $$;
comment on function hq_export.entity_id(text, uuid, jsonb[]) is
  'id of the entity that payloads of the live data-engine-x speak of; null where they do not say';

-- -------------------------------------------------------------------------------------------------
revoke all on function hq_export.allowed_payload(jsonb, text[]),
  hq_export.first_text(text[], jsonb[]), hq_export.entity_id(text, uuid, jsonb[]) from public;
grant execute on function hq_export.allowed_payload(jsonb, text[]),
  hq_export.first_text(text[], jsonb[]), hq_export.entity_id(text, uuid, jsonb[])
  to hq_export_relay;
grant select, insert, delete, truncate on hq_export.settle_0, hq_export.settle_1 to hq_export_relay;
grant select on hq_export.settle, hq_export.late_child, hq_export.assigned_sequence
  to hq_export_relay;
grant select, insert, delete on hq_export.settled to hq_export_relay;
grant select, update on sequence hq_export.current_settle, hq_export.settle_horizon
  to hq_export_relay;
grant select on sequence hq_export.filtered_1, hq_export.filtered_2, hq_export.filtered_3,
  hq_export.filtered_4 to hq_export_relay;
