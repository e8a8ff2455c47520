import type pg from 'pg'
import type { NewestVersions } from './newest-versions.ts'
import { wireRowSql } from './outbox-row.ts'
import { OUTBOX_TABLES, unseenBy } from './outbox-tables.ts'
import type { Page } from './read-page.ts'
import { isOversizedSql } from './row-size.ts'
import type { Snapshot } from './tick.ts'
import type { WireRows } from './wire-rows.ts'

/*
 * Most windows hold a handful of rows, and what they cost is statements: a tick, the bounds, a look
 * into three tables, a page. One statement does all of it: its own snapshot is the upper end of
 * the window, so what it sees is what belongs to it.
 */

/** Rows up to which a window is read with its tick. */
const MAX_ROWS = 64
/** Bytes of their bodies. */
const MAX_BYTES = 256 * 1024

/** A row of a small window. */
interface SmallRow {
  readonly dataset: number
  readonly key: string | null
  readonly seq: string
  /** UTC day of its capture. */
  readonly day: string
  /** `hash version seq` of a row with a version, else null. */
  readonly version: string | null
  readonly text: string
}

/** The upper end of a window, and with it what the window holds where that is little. */
export interface Tick {
  readonly to: Snapshot
  /** Newest first; undefined where the window is to be read in pages. */
  readonly rows: readonly SmallRow[] | undefined
}

const [BEGUN_SINCE, OPEN_THEN] = unseenBy('$1')

// The snapshot is the statement's own. After it, left to right: how far WAL was written, then how
// far it is on disk, as a tick asks. Where rows are visible that may not be on disk, it forces a
// flush as `makeDurable` does, by its own commit: that stands behind all that the snapshot shows,
// and the driver hands out no row before it. Sizes are known before a body is read; where there is
// more than a small window holds, none is. It locks nothing, and waits for the disk alone.
const read = (...ranges: readonly string[]) => /* sql */ `
with tick as materialized (
  select pg_catalog.pg_current_snapshot()::text as snapshot,
    pg_catalog.pg_current_wal_insert_lsn() <= pg_catalog.pg_current_wal_flush_lsn() as durable
), measured as materialized (
  select o.*,
    count(*) over () <= ${MAX_ROWS} and pg_catalog.sum(bytes) over () <= ${MAX_BYTES}
      and not pg_catalog.bool_or(
        sqlstate is not null or ${isOversizedSql('bytes')}
      ) over () as is_small
  from (${OUTBOX_TABLES.flatMap((table) =>
    ranges.map(
      (range) => /* sql */ `
    (select *, coalesce(pg_catalog.octet_length(body), 0) as bytes
     from hq_export.outbox_${table}
     where ${range} and pg_catalog.pg_visible_in_snapshot(xid, pg_catalog.pg_current_snapshot())
     limit ${MAX_ROWS + 1})`,
    ),
  ).join('\n    union all')}
  ) o
), forced as materialized (
  select pg_catalog.set_config('synchronous_commit', 'local', true),
    pg_catalog.pg_logical_emit_message(true, 'hq_export', '') as flushed
  from tick
  where not durable and exists (select from measured)
)
select t.snapshot, f.flushed, m.is_small, m.dataset, m.seq::text as seq,
  (m.captured_at at time zone 'UTC')::date::text as day,
  case when m.is_small then m.key end as key,
  case when m.is_small and m.version is not null then
    pg_catalog.hashtextextended(m.key, m.dataset)::text || ' ' || m.version::text || ' '
      || m.seq::text end as version,
  case when m.is_small then ${wireRowSql('m')} end as text
from tick t
left join measured m on true
left join forced f on true
order by m.xid desc, m.seq desc`

const READ = { name: 'tick-with-rows', text: read(BEGUN_SINCE, OPEN_THEN) }
const READ_BEGUN = { name: 'tick-with-rows-begun', text: read(BEGUN_SINCE) }

type ReadRow = SmallRow & { snapshot: string; is_small: boolean | null }

/**
 * Cuts the upper end of a window that begins at `from`, as a tick does: every row of it is on disk
 * when this resolves. Where it has none, nothing has to be: the end is only where the next one
 * begins, and whoever remembers that loses its session in a crash.
 */
export async function tickWithRows(client: pg.ClientBase, from: Snapshot): Promise<Tick> {
  // Where nobody's transaction was open then, as its list of them says by its end.
  const statement = from.endsWith(':') ? READ_BEGUN : READ
  const { rows } = await client.query<ReadRow>({ ...statement, values: [from] })
  const [first] = rows
  if (first === undefined) throw new Error('no snapshot')
  if (first.is_small === null) return { to: first.snapshot, rows: [] }
  const to = first.snapshot
  return { to, rows: first.is_small ? rows : undefined }
}

function placeOf([first]: readonly SmallRow[]): { dataset: number; day: string } {
  if (first === undefined) throw new RangeError('a group has rows')
  return { dataset: first.dataset, day: first.day }
}

/**
 * The one page of a small window.
 * @param newest learns which versions stay behind.
 */
export function pageOf(rows: readonly SmallRow[], newest: NewestVersions): Page {
  const versions = rows.flatMap(({ version }) => (version === null ? [] : [version]))
  const { superseded, inversions } =
    versions.length === 0 ? { superseded: [], inversions: [] } : newest.compare(versions.join(','))
  const skipped = new Set(superseded)
  const travelling = rows.filter(({ seq }) => !skipped.has(seq)).reverse()
  const grouped = (some: readonly SmallRow[]) =>
    Map.groupBy(some, ({ dataset, day }) => `${dataset} ${day}`).values()
  return {
    rowCount: rows.length,
    wireRows: Array.from(grouped(travelling), (some): WireRows => {
      const text = Buffer.from(some.map((row) => row.text).join(','))
      return { ...placeOf(some), rowCount: some.length, text }
    }),
    superseded: Array.from(grouped(rows.filter(({ seq }) => skipped.has(seq))), (some) => ({
      ...placeOf(some),
      rowCount: some.length,
    })),
    failed: [],
    oversized: [],
    deleteRaces: inversions.flatMap(({ seq, version }) => {
      const row = rows.find((candidate) => candidate.seq === seq)
      return row?.key == null ? [] : [{ dataset: row.dataset, key: row.key, version }]
    }),
  }
}
