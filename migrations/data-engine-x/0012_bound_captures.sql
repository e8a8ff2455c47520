-- What a capture costs the transaction that it runs in is bounded, and what could not be captured
-- at all is heard of.
--
-- Locks: creates new objects and replaces functions; no lock on a table of the application, and
-- none that a capture waits for.

-- Statements of which not even a marker could be kept. A sequence, because it is counted without a
-- transaction id, which takes a place in the lock table that may just have run out; what is rolled
-- back has counted, too. The relay turns it into capture_gap.
create sequence hq_export.lost as bigint minvalue 0 start with 0;
select pg_catalog.setval('hq_export.lost', 0, true);
comment on sequence hq_export.lost is
  'statements whose changes could not be captured at all, since the relay looked last; 0 for none';

-- Captures that found the relay asleep and must not notify it. The relay looks here several times a
-- second while it sleeps.
create sequence hq_export.unrung as bigint minvalue 0 start with 0;
select pg_catalog.setval('hq_export.unrung', 0, true);
comment on sequence hq_export.unrung is
  'captures that found the relay asleep and might have waited if they had notified it';

grant select, update on sequence hq_export.lost to hq_export_relay;
grant insert on hq_export.capture_gap to hq_export_relay;
grant usage, select on sequence hq_export.unrung to hq_export_relay;
-- The owners of the bound tables, as whom captures run: whoever has the outbox's sequence. `bind`
-- grants it to others.
do $$
declare
  v_owner regrole;
begin
  for v_owner in
    select distinct a.grantee::regrole
    from pg_catalog.pg_class c cross join lateral pg_catalog.aclexplode(c.relacl) a
    where c.oid = 'hq_export.outbox_seq'::regclass and a.privilege_type = 'USAGE'
  loop
    execute pg_catalog.format('grant usage on sequence hq_export.lost, hq_export.unrung to %s',
      v_owner);
  end loop;
end $$;

-- -------------------------------------------------------------------------------------------------
-- Called after the insert into the outbox, in this order: a writer that reads "awake" already holds
-- its lock on the outbox table, so the relay, which looks for holders after it has set the flag,
-- waits for it.
--
-- A commit with a NOTIFY takes a lock of the whole server before it writes its WAL and keeps it
-- until that is where synchronous_commit asks for it. So it may ring only where waiting for another
-- such commit cannot be longer than what it waits for anyway: the flush of a disk, shared by
-- everybody. Not so where a commit waits for a standby (synchronous_standby_names; whatever this
-- session asks for, the one before it in the queue may wait), where this session asked not to wait
-- for the disk, and where waiting can fail (lock_timeout). Nor where NOTIFY itself fails: it makes
-- PREPARE TRANSACTION fail, and a full notification queue the writer. These count up a sequence
-- instead, which waits for nobody.
create or replace function hq_export.ring() returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_sequence_last_value('hq_export.doorbell') > extract(epoch from clock_timestamp()) * 1000
    then
    if current_setting('max_prepared_transactions') = '0'
       and current_setting('synchronous_standby_names') = ''
       and current_setting('synchronous_commit') <> 'off'
       and current_setting('lock_timeout') = '0'
       and pg_notification_queue_usage() < 0.5
    then
      perform pg_notify('hq_export_outbox', '');
    else
      perform nextval('hq_export.unrung');
    end if;
  end if;
  -- See the last handler of a capture: what it could not count then is counted now.
  if current_setting('hq_export.lost', true) = 'on' then
    perform nextval('hq_export.lost');
    perform set_config('hq_export.lost', '', false);
  end if;
end $$;

-- -------------------------------------------------------------------------------------------------
-- As before, but a long text is searched once: current_query() copies the whole message of the
-- client, which may hold thousands of statements. What was found in it stands in a setting of the
-- transaction until the next message, which has another time.
create or replace function hq_export.current_traceparent() returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_traceparent text := current_setting('hq_export.traceparent', true);
  v_found text;
  v_query text;
begin
  if coalesce(v_traceparent, '') = '' then
    v_found := current_setting('hq_export.found_traceparent', true);
    if v_found <> ''
      and split_part(v_found, '|', 1) = extract(epoch from statement_timestamp())::text then
      v_traceparent := split_part(v_found, '|', 2);
    else
      v_query := current_query();
      -- Most writers set none: a plain search costs a fraction of the pattern.
      if strpos(v_query, 'traceparent=''') > 0 then
        v_traceparent := substring(right(v_query, 400) from 'traceparent=''([0-9a-f-]{55})''');
      elsif octet_length(v_query) <= 2000 then
        return null;
      end if;
      if octet_length(v_query) > 2000 then
        perform set_config('hq_export.found_traceparent',
          concat(extract(epoch from statement_timestamp()), '|', v_traceparent), true);
      end if;
    end if;
  end if;
  if v_traceparent ~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$' then
    return v_traceparent;
  end if;
  return null;
end $$;

-- -------------------------------------------------------------------------------------------------
-- Rows that a restore brought get transaction ids of the server that they are on: row by row, so
-- that no writer waits.
grant update (xid, seq) on hq_export.outbox_0, hq_export.outbox_1, hq_export.outbox_2
  to hq_export_relay;
grant update (xid) on hq_export.settle_0, hq_export.settle_1 to hq_export_relay;
