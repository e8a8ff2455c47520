-- Whether there may be a trace context, without copying a long message for each of its statements.
--
-- Locks: none that a writer or reader waits for; whoever calls it meanwhile finishes with the old
-- one.

-- Whoever applies this file by hand needs the path, too.
set local search_path = pg_catalog, pg_temp;

-- current_query() copies the whole message of the client: of one with 8,000 statements each had a
-- megabyte copied, and took six times as long. What was found in a long one, above 2,000 bytes,
-- stands in a setting of the transaction, and where there is one hq_export.current_traceparent is to
-- look at it. Not this: a transaction prepares all of this expression, whatever it comes to. LIKE
-- finds what strpos finds, and has no table to fill first.
create or replace function hq_export.has_traceparent() returns boolean
  language sql volatile
  return current_setting('hq_export.traceparent', true) <> ''
    or current_setting('hq_export.found_traceparent', true) <> ''
    or octet_length(current_query()) > 2000
    or current_query() collate "C" like '%traceparent=''%';
