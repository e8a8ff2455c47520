import pg from 'pg'
import { copyOut } from '../session/copy-out.ts'
import { lateOf, type PageCut, type PageRange } from './cut-page.ts'
import type { DeleteRace } from './delete-race.ts'
import type { Inversion } from './newest-versions.ts'
import { type OutboxRow, wireRowSql } from './outbox-row.ts'
import { DAY, OUTBOX_TABLES, type OutboxTable } from './outbox-tables.ts'
import { isOversizedSql, shortKeySql } from './row-size.ts'
import { WirePieces, type WireRows } from './wire-rows.ts'

// A page is one range of the index, or two where it has come to late transactions: all between those
// and what began after the window did has been sent long ago. A range has one lower bound: given
// two, the index would be read from the lower one on. And it ends with as many rows as the page has:
// before PostgreSQL 18 an upper bound of two columns ends no scan within a transaction.
function pageRowsSql(
  table: OutboxTable,
  [count, fromXid, fromSeq, xid, seq, to]: readonly string[],
  late: readonly string[],
): string {
  const read = (range: string) => /* sql */ `
  (select * from hq_export.outbox_${table}
   where ${range} and pg_catalog.pg_visible_in_snapshot(xid, ${to}::pg_snapshot)
   order by xid, seq limit ${count}::bigint)`
  const begun = read(`(xid, seq) >= (${fromXid}::xid8, ${fromSeq}::bigint)
     and (xid, seq) < (${xid}::xid8, ${seq}::bigint)`)
  const [lateXids, lastXid, lastSeq] = late
  if (lateXids === undefined) return begun
  const ofLate = read(`xid = any (${lateXids}::xid8[])
     and (xid, seq) >= (${lastXid}::xid8, ${lastSeq}::bigint)`)
  return `${ofLate}\n  union all${begun}`
}

/** Bounds of {@link pageRowsSql}. */
interface Bounds {
  readonly begun: readonly string[]
  readonly late: readonly string[]
  /** The page has come to late transactions. */
  readonly hasLate: boolean
}

function boundsOf(range: PageRange, cut: PageCut): Bounds {
  const { after, to, lowestXid } = range
  const { last, rowCount } = cut
  const late = lateOf(range, cut)
  const hasLate = late.length > 0
  const from = hasLate ? { xid: lowestXid, seq: '0' } : last
  return {
    begun: [String(rowCount), from.xid, from.seq, after.xid, after.seq, to],
    late: [`{${late.join(',')}}`, last.xid, last.seq],
    hasLate,
  }
}

/** The same as parameters. */
function parametersOf(range: PageRange, cut: PageCut): string[] {
  const { begun, late } = boundsOf(range, cut)
  return [...begun, ...late]
}

// The wire text is put together here, where the bodies are: what Node would do per row (parse, make
// an object, concatenate) cost more than everything else that the relay does.
function readPageQuery(
  range: PageRange,
  cut: PageCut,
  skipped: readonly string[],
  condition: string,
): string {
  const { begun, late, hasLate } = boundsOf(range, cut)
  const literals = (bounds: readonly string[]) => bounds.map(pg.escapeLiteral)
  return /* sql */ `
select dataset::int, ${wireRowSql('page')}
from (${pageRowsSql(range.table, literals(begun), hasLate ? literals(late) : [])}
) page
where sqlstate is null and seq <> all ('{${skipped.join(',')}}'::bigint[])${condition}`
}

/** Rows of a page, where its bounds are parameters. */
const PAGE_ROWS = OUTBOX_TABLES.map((table) =>
  pageRowsSql(table, ['$1', '$2', '$3', '$4', '$5', '$6'], ['$7', '$8', '$9']),
)

const READ_DAYS = PAGE_ROWS.map(
  (rows) => /* sql */ `
select ${DAY}::text as day, dataset, count(*)::int as rows,
  (count(*) filter (where o.seq = any ($10::bigint[])))::int as superseded
from (${rows}
) o
group by 1, 2`,
)

/** A field of a tuple: its size, then its bytes. */
const SIZE_BYTES = 4
const DATASET_BYTES = 4

const READ_FAILED = PAGE_ROWS.map(
  (rows) => /* sql */ `
select dataset, key, xid::text as xid, seq::text as seq,
       pg_catalog.to_json(captured_at) #>> '{}' as captured_at, deleted, traceparent, sqlstate, body
from (${rows}
) o
where sqlstate is not null and seq <> all ($10::bigint[])`,
)

const READ_OVERSIZED = PAGE_ROWS.map(
  (rows) => /* sql */ `
select dataset, ${shortKeySql()} as key, xid::text as xid, seq::text as seq,
       pg_catalog.to_json(captured_at) #>> '{}' as captured_at, deleted, traceparent, sqlstate,
       null as body, bytes
from (
  select *, coalesce(pg_catalog.octet_length(body), 0) as bytes
  from (${rows}
  ) o
  offset 0
) sized
where ${isOversizedSql('bytes')}`,
)

const READ_KEYS = PAGE_ROWS.map(
  (rows) => /* sql */ `
select dataset, key, seq::text as seq
from (${rows}
) o
where o.seq = any ($10::bigint[])`,
)

/**
 * Reads the rows of a page that {@link cutPage} has cut.
 * @param skipped `seq` of rows that need not travel, because a newer version of their key does, or
 * that are too large to.
 */
export async function readPage(
  client: pg.ClientBase,
  range: PageRange,
  cut: PageCut,
  skipped: readonly string[],
): Promise<WireRows[]> {
  const [first, last] = cut.days
  if (first === last) return readRows(client, first, readPageQuery(range, cut, skipped, ''))
  // Days of its own for each piece: a batch is counted as of one.
  const days = new Set((await readDays(client, range, cut, [])).map(({ day }) => day))
  const found: WireRows[] = []
  for (const day of [...days].sort()) {
    const isOfDay = `\n  and ${DAY} = '${day}'`
    found.push(...(await readRows(client, day, readPageQuery(range, cut, skipped, isOfDay))))
  }
  return found
}

/** Rows of a page by day and dataset; hardly any page has several, and then this is not asked. */
async function readDays(
  client: pg.ClientBase,
  range: PageRange,
  cut: PageCut,
  superseded: readonly string[],
): Promise<readonly { day: string; dataset: number; superseded: number }[]> {
  const query = READ_DAYS[range.table] ?? ''
  return (await client.query(query, [...parametersOf(range, cut), superseded])).rows
}

/** Rows that stay behind, by the day of their capture. */
export interface SupersededRows {
  readonly day: string
  readonly dataset: number
  readonly rowCount: number
}

/** Tells of what stays behind on which day it was captured. @param superseded their `seq`. */
export async function countSuperseded(
  client: pg.ClientBase,
  range: PageRange,
  cut: PageCut,
  superseded: readonly string[],
): Promise<SupersededRows[]> {
  if (superseded.length === 0) return []
  const { versioned, days } = cut
  if (versioned !== null && days[0] === days[1]) {
    return [{ day: days[0], dataset: versioned, rowCount: superseded.length }]
  }
  const found = await readDays(client, range, cut, superseded)
  return found.map(({ day, dataset, superseded: rowCount }) => ({ day, dataset, rowCount }))
}

async function readRows(client: pg.ClientBase, day: string, query: string): Promise<WireRows[]> {
  const pieces = new WirePieces(day)
  await copyOut(client, query, (bytes, at) => {
    const datasetAt = at + SIZE_BYTES
    const textAt = datasetAt + DATASET_BYTES + SIZE_BYTES
    const textBytes = bytes.readInt32BE(textAt - SIZE_BYTES)
    pieces.add(bytes.readInt32BE(datasetAt), bytes, textAt, textAt + textBytes)
  })
  return pieces.end()
}

interface FailedRow {
  dataset: number
  key: string | null
  xid: string
  seq: string
  captured_at: string
  deleted: boolean
  traceparent: string | null
  sqlstate: string
  body: string | null
}

/**
 * Reads the rows of a page whose capture failed; most pages have none, and then this is not asked.
 * @param skipped `seq` of rows that are too large.
 */
export async function readFailedRows(
  client: pg.ClientBase,
  range: PageRange,
  cut: PageCut,
  skipped: readonly string[],
): Promise<OutboxRow[]> {
  const { rows } = await client.query<FailedRow>(READ_FAILED[range.table] ?? '', [
    ...parametersOf(range, cut),
    skipped,
  ])
  return rows.map(({ captured_at: capturedAt, ...row }) => ({ ...row, capturedAt }))
}

/** A row that is too large to be read: all of it but its body. */
export interface OversizedRow extends OutboxRow {
  readonly seq: string
  readonly bytes: number
}

/**
 * A page of a window: what travels, what could not be captured, what is too large for either, and
 * how many rows it was in the outbox.
 */
export interface Page {
  readonly rowCount: number
  readonly wireRows: readonly WireRows[]
  readonly failed: readonly OutboxRow[]
  readonly oversized: readonly OversizedRow[]
  /** Inserts that the delete of their key, in this window too, has overtaken. */
  readonly deleteRaces: readonly DeleteRace[]
  /** Rows that a newer version of their key makes unnecessary. */
  readonly superseded: readonly SupersededRows[]
}

/** Reads what is told of the rows of a page that are too large; hardly any page has one. */
export async function readOversizedRows(
  client: pg.ClientBase,
  range: PageRange,
  cut: PageCut,
): Promise<OversizedRow[]> {
  const { rows } = await client.query<FailedRow & { bytes: number }>(
    READ_OVERSIZED[range.table] ?? '',
    parametersOf(range, cut),
  )
  return rows.map(({ captured_at: capturedAt, ...row }) => ({ ...row, capturedAt }))
}

/** Reads the keys of inversions that a page showed; hardly any page has one. */
export async function readOutrunRows(
  client: pg.ClientBase,
  range: PageRange,
  cut: PageCut,
  inversions: readonly Inversion[],
): Promise<DeleteRace[]> {
  const { rows } = await client.query<{ dataset: number; key: string; seq: string }>(
    READ_KEYS[range.table] ?? '',
    [...parametersOf(range, cut), inversions.map(({ seq }) => seq)],
  )
  return rows.flatMap(({ dataset, key, seq }) => {
    const inversion = inversions.find((candidate) => candidate.seq === seq)
    return inversion === undefined ? [] : [{ dataset, key, version: inversion.version }]
  })
}
