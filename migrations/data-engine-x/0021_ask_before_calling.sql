-- What every capture asks first. One expression each, so that PostgreSQL puts it in the place of
-- the call: a function in plpgsql with settings of its own costs several microseconds, and most
-- captures need neither of the two that follow.
--
-- Locks: none on a table.

create function hq_export.is_relay_asleep() returns boolean
  language sql volatile
  return pg_catalog.pg_sequence_last_value('hq_export.doorbell')
    > extract(epoch from pg_catalog.clock_timestamp()) * 1000
    or pg_catalog.current_setting('hq_export.lost', true) = 'on';
comment on function hq_export.is_relay_asleep() is
  'true where a commit must ring, or remember what was lost; see hq_export.ring';

-- A long text is searched once, see hq_export.current_traceparent.
create function hq_export.has_traceparent() returns boolean
  language sql volatile
  return pg_catalog.current_setting('hq_export.traceparent', true) <> ''
    or pg_catalog.octet_length(pg_catalog.current_query()) > 2000
    or pg_catalog.strpos(pg_catalog.current_query(), 'traceparent=''') > 0;
comment on function hq_export.has_traceparent() is
  'true where hq_export.current_traceparent may find a trace context';

revoke all on function hq_export.is_relay_asleep(), hq_export.has_traceparent() from public;
grant execute on function hq_export.is_relay_asleep(), hq_export.has_traceparent()
  to hq_export_relay;
