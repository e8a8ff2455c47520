import type pg from 'pg'
import { OUTBOX_TABLES, type OutboxTable } from './outbox-tables.ts'
import { MAX_BODY_BYTES, MAX_KEY_BYTES } from './row-size.ts'
import type { Snapshot } from './tick.ts'

/** A place in the order of an outbox table. Text, because both numbers have 64 bits. */
export interface Position {
  readonly xid: string
  readonly seq: string
}

/**
 * Rows of one table that are visible in `to`, from `after` (exclusive) down to the transaction
 * `lowestXid`, and then those of late transactions, which stand below it.
 */
export interface PageRange {
  readonly table: OutboxTable
  readonly to: Snapshot
  readonly after: Position
  readonly lowestXid: string
  readonly lateXids: readonly string[]
}

/** Bounds of one page, so that memory does not depend on what waits. */
export interface PageLimits {
  readonly maxRows: number
  /** Bytes of row bodies; one row may exceed it alone, by what a row may have. */
  readonly maxBytes: number
}

/** Where a page ends, and what has to be known of its rows before they are read. */
export interface PageCut {
  readonly rowCount: number
  /** The page's last row. */
  readonly last: Position
  /** True if a limit ended the page, so that more of the range may follow. */
  readonly isCut: boolean
  readonly failedCount: number
  /** False where no row of it is too large to be read. */
  readonly mayHoldOversized: boolean
  /**
   * Rows of snapshot datasets as `hash version seq`, separated by commas; null if there are none.
   */
  readonly versions: string | null
  /** UTC days of the first and the last capture among them. */
  readonly days: readonly [first: string, last: string]
  /** The only dataset with versions among them; null where there are more, or none. */
  readonly versioned: number | null
}

// Each range in the order of the index, and limited by itself: only then the planner takes it so.
const candidates = (table: OutboxTable, range: string) => /* sql */ `
    select * from (
      select xid, seq, dataset, key, version, sqlstate, captured_at,
             coalesce(pg_catalog.octet_length(body), 0) as bytes
      from hq_export.outbox_${table}
      where ${range} and pg_catalog.pg_visible_in_snapshot(xid, $4::pg_snapshot)
      order by xid desc, seq desc limit $5
    ) candidates`

const BEGUN = '(xid, seq) < ($1::xid8, $2::bigint) and xid >= $3::xid8'
const LATE = 'xid = any ($7::xid8[])'

// Newest first: of the versions of a key the newest is met before those that it supersedes. No body
// is fetched here: octet_length reads the size of a toasted body without reading the body. One pass:
// the last row is found in the order in which rows come anyway, and not by asking again. Ranges are
// merged as the index has them, so a page costs its own rows, however large a late transaction is.
const cut = (table: OutboxTable, ...ranges: readonly string[]) => /* sql */ `
select count(*)::int as row_count, pg_catalog.sum(bytes)::float8 as byte_count,
       (pg_catalog.array_agg(xid order by xid desc, seq desc))[count(*)]::text as xid,
       (pg_catalog.array_agg(seq order by xid desc, seq desc))[count(*)]::text as seq,
       pg_catalog.max(bytes) as max_bytes,
       pg_catalog.max(pg_catalog.octet_length(key)) as max_key_bytes,
       count(sqlstate)::int as failed_count,
       pg_catalog.string_agg(
         pg_catalog.hashtextextended(key, dataset)::text || ' ' || version::text || ' '
           || seq::text, ','
       ) filter (where version is not null and sqlstate is null) as versions,
       (pg_catalog.min(captured_at) at time zone 'UTC')::date::text as first_day,
       (pg_catalog.max(captured_at) at time zone 'UTC')::date::text as last_day,
       pg_catalog.min(dataset) filter (where version is not null)::int as first_versioned,
       pg_catalog.max(dataset) filter (where version is not null)::int as last_versioned
from (
  select xid, seq, dataset, key, version, sqlstate, bytes, captured_at,
         pg_catalog.sum(bytes) over (order by xid desc, seq desc rows unbounded preceding)
           - bytes as bytes_before
  from (${ranges.map((range) => candidates(table, range)).join('\n    union all')}
    order by xid desc, seq desc limit $5
  ) candidates
) sized
where bytes_before < $6`

const CUT_BEGUN = OUTBOX_TABLES.map((table) => cut(table, BEGUN))
const CUT_WITH_LATE = OUTBOX_TABLES.map((table) => cut(table, BEGUN, LATE))

/** The statement of a range; exported for its plan to be tested. */
export function cutPageStatement(table: OutboxTable, hasLate: boolean) {
  return hasLate
    ? { name: `cut-page-${table}-late`, text: CUT_WITH_LATE[table] ?? '' }
    : { name: `cut-page-${table}`, text: CUT_BEGUN[table] ?? '' }
}

interface CutRow {
  row_count: number
  byte_count: number
  max_bytes: number
  max_key_bytes: number | null
  xid: string | null
  seq: string | null
  failed_count: number
  versions: string | null
  first_day: string
  last_day: string
  first_versioned: number | null
  last_versioned: number | null
}

/** Finds the next page of a range; undefined where nothing is left of it. */
export async function cutPage(
  client: pg.ClientBase,
  range: PageRange,
  limits: PageLimits,
): Promise<PageCut | undefined> {
  const { table, to, after, lowestXid, lateXids } = range
  const values = [after.xid, after.seq, lowestXid, to, limits.maxRows, limits.maxBytes]
  const hasLate = lateXids.length > 0
  const { rows } = await client.query<CutRow>({
    ...cutPageStatement(table, hasLate),
    values: hasLate ? [...values, lateXids] : values,
  })
  const cut = rows[0]
  if (cut === undefined || cut.xid === null || cut.seq === null) return undefined
  return {
    rowCount: cut.row_count,
    last: { xid: cut.xid, seq: cut.seq },
    isCut: cut.row_count === limits.maxRows || cut.byte_count >= limits.maxBytes,
    failedCount: cut.failed_count,
    mayHoldOversized: cut.max_bytes > MAX_BODY_BYTES || (cut.max_key_bytes ?? 0) > MAX_KEY_BYTES,
    versions: cut.versions,
    days: [cut.first_day, cut.last_day],
    versioned: cut.first_versioned === cut.last_versioned ? cut.first_versioned : null,
  }
}

function isBelow(xid: string, other: string): boolean {
  return BigInt(xid) < BigInt(other)
}

/** Late transactions that a page has come to: the last of them perhaps in part. */
export function lateOf({ lowestXid, lateXids }: PageRange, { last }: PageCut): readonly string[] {
  if (!isBelow(last.xid, lowestXid)) return []
  return lateXids.filter((xid) => !isBelow(xid, last.xid))
}

/** What of a range is behind a page of it; the rest of a late transaction is a range like any. */
export function restOf(range: PageRange, { last }: PageCut): PageRange {
  if (!isBelow(last.xid, range.lowestXid)) return { ...range, after: last }
  const lateXids = range.lateXids.filter((xid) => isBelow(xid, last.xid))
  return { ...range, after: last, lowestXid: last.xid, lateXids }
}
