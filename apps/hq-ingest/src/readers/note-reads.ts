import type pg from 'pg'

/*
 * What PostgreSQL has counted of the marks of each dataset version (0025). A column that came with
 * PostgreSQL 16 is asked for by name, so that older ones have none of it. Counts that fell or were
 * reset since the last look are counts of a new life: what was read before it may have been missed.
 *
 * Locks: the rows of ingest.reading, which looks alone write; two looks at once are one after the
 * other, and the later one finds what the earlier one wrote.
 */
const NOTE = /* sql */ `
insert into ingest.reading as known (dataset, scans, watched_since, looked_at, read_at)
select m.dataset, s.seq_scan, now.now, now.now,
  case when s.seq_scan > 0
    then coalesce((pg_catalog.to_jsonb(s) ->> 'last_seq_scan')::timestamptz, now.now) end
from pg_catalog.pg_inherits i
join pg_catalog.pg_stat_all_tables s on s.relid = i.inhrelid
cross join lateral (select pg_catalog.substr(s.relname, 11) as dataset) m
cross join (select pg_catalog.clock_timestamp() as now) now
where i.inhparent = 'ingest.read_mark'::regclass
order by m.dataset
on conflict on constraint reading_pkey do update set
  scans = excluded.scans,
  looked_at = excluded.looked_at,
  watched_since = case when excluded.scans < known.scans or exists (
      select from pg_catalog.pg_stat_database d
      where d.datname = pg_catalog.current_database() and d.stats_reset > known.looked_at
    ) then excluded.looked_at else known.watched_since end,
  read_at = case when excluded.scans <> known.scans
    then coalesce(excluded.read_at, known.read_at) else known.read_at end`

/** Looks which dataset versions readers have read since the last look, and keeps when. */
export async function noteReads(client: pg.ClientBase | pg.Pool): Promise<void> {
  await client.query(NOTE)
}
