-- What a capture needs so that it need not set TimeZone, note every capture of a short transaction,
-- or start an update for keys that are back: setting and restoring a time zone costs a firing more
-- than all its times do.
--
-- Locks: creates functions only; none on a table.

-- Beyond the years that a timestamp prints without an era, and at infinity, the server prints it.
create function hq_export.odd_utc_text(p_time timestamptz) returns text
  language sql stable strict parallel safe
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  return pg_catalog.to_json(p_time) #>> '{}';
comment on function hq_export.odd_utc_text(timestamptz) is
  'see hq_export.utc_text';

-- One expression, so that PostgreSQL puts it in the place of the call.
create function hq_export.utc_text(p_time timestamptz) returns text
  language sql stable parallel safe
  return case
    when p_time >= '0001-01-01T00:00:00Z' and p_time < 'infinity' then
      pg_catalog.btrim(pg_catalog.to_json(p_time at time zone interval '0')::text, '"') || '+00:00'
    else hq_export.odd_utc_text(p_time)
  end;
comment on function hq_export.utc_text(timestamptz) is
  'a time as JSON has it where TimeZone is UTC, whatever it is';

-- Called where a capture has failed; what is kept does not depend on who wrote.
create function hq_export.raw_row(p_row record) returns json
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
begin
  return row_to_json(p_row);
end $$;
comment on function hq_export.raw_row(record) is
  'a row as it is kept when it could not be captured';

-- A capture takes at least ten microseconds, so a transaction of this age has made few of them. A
-- clock that was set back counts as none that can tell.
create function hq_export.has_just_begun() returns boolean
  language sql volatile
  return pg_catalog.clock_timestamp() between pg_catalog.transaction_timestamp()
    and pg_catalog.transaction_timestamp() + interval '500 microseconds';
comment on function hq_export.has_just_begun() is
  'true where this transaction cannot have made more than some fifty captures';

-- Called in the statement that captures the row: a statement of its own, or a part of that one,
-- would be started for every capture, and few keys come back. The capture's writer has the row of
-- the key locked in its own table, so nobody waits here.
create function hq_export.revived(p_dataset smallint, p_key text) returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  update hq_export.version_base b set deleted_at = null
  where b.dataset = p_dataset and b.key = p_key;
  return p_key;
end $$;
comment on function hq_export.revived(smallint, text) is
  'notes that a deleted key exists again, and gives it back';

revoke all on function hq_export.odd_utc_text(timestamptz), hq_export.utc_text(timestamptz),
  hq_export.raw_row(record), hq_export.has_just_begun(), hq_export.revived(smallint, text)
  from public;
