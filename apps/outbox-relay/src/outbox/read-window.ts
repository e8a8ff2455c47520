import type pg from 'pg'
import type { OutboxRow } from './outbox-row.ts'
import type { Snapshot } from './snapshot.ts'

/** Bounds of one page, so that memory does not depend on what waits. */
export interface PageLimits {
  readonly maxRows: number
  /** Bytes of row bodies; one row may exceed it alone. */
  readonly maxBytes: number
}

/**
 * What committed between two snapshots: visible in `to`, not in `from`.
 * Rows with xid >= xmax(from) are by definition invisible in `from`, so a range of the index finds them. The
 * rest are transactions that were open in `from` and have committed since: few, named one by one (`late`).
 */
export interface Window {
  readonly from: Snapshot
  readonly to: Snapshot
}

const TABLES = [0, 1, 2] as const

const COLUMNS = `dataset, key, version::text as version, xid::text as xid, seq::text as seq,
  pg_catalog.to_json(captured_at)::text as captured_at, deleted, traceparent, sqlstate, body`

// Ordered by the columns of `sized`, not by the texts of the select list. octet_length reads a toasted body's size without reading the body, so a page is cut before its bodies are fetched.
function page(table: number, condition: string): string {
  return /* sql */ `
select ${COLUMNS}
from (
  select *, pg_catalog.sum(coalesce(pg_catalog.octet_length(body), 0)) over (order by xid, seq)
            - coalesce(pg_catalog.octet_length(body), 0) as bytes_before
  from (
    select * from hq_export.outbox_${table}
    where (xid, seq) > ($1::xid8, $2::bigint) and ${condition}
    order by xid, seq limit $3
  ) candidates
) sized
where bytes_before < $4
order by sized.xid, sized.seq`
}

/** The statements that read a window's range of xids, one per table; exported for their plans to be tested. */
export const RANGE_PAGES = TABLES.map((table) =>
  page(
    table,
    `xid < pg_catalog.pg_snapshot_xmax($5::pg_snapshot)
     and pg_catalog.pg_visible_in_snapshot(xid, $5::pg_snapshot)`,
  ),
)

const LATE_PAGES = TABLES.map((table) => page(table, 'xid = $5::xid8'))

const WINDOW_BOUNDS = /* sql */ `
select pg_catalog.pg_snapshot_xmax($1::pg_snapshot)::text as start,
       array(
         select x::text from pg_catalog.pg_snapshot_xip($1::pg_snapshot) x
         where pg_catalog.pg_visible_in_snapshot(x, $2::pg_snapshot)
       ) as late`

type PageTuple = [
  dataset: number,
  key: string | null,
  version: string | null,
  xid: string,
  seq: string,
  quotedAt: string,
  deleted: boolean,
  traceparent: string | null,
  sqlstate: string | null,
  body: string | null,
]

function toRow(tuple: PageTuple): OutboxRow {
  const [dataset, key, version, xid, seq, quotedAt, deleted, traceparent, sqlstate, body] = tuple
  const capturedAt = quotedAt.slice(1, -1)
  return { dataset, key, version, xid, seq, capturedAt, deleted, traceparent, sqlstate, body }
}

/** A page that neither limit has cut was the last one. UTF-8 takes at most 3 bytes per UTF-16 unit. */
function isCut(page: readonly OutboxRow[], limits: PageLimits): boolean {
  if (page.length === limits.maxRows) return true
  const units = page.reduce((sum, { body }) => sum + (body?.length ?? 0), 0)
  return units * 3 >= limits.maxBytes
}

async function* readPages(
  client: pg.ClientBase,
  name: string,
  text: string,
  limits: PageLimits,
  start: { xid: string; seq: string },
  lastParameter: string,
): AsyncGenerator<OutboxRow[]> {
  let position = start
  for (;;) {
    const values = [position.xid, position.seq, limits.maxRows, limits.maxBytes, lastParameter]
    const { rows } = await client.query<PageTuple>({ name, text, values, rowMode: 'array' })
    const page = rows.map(toRow)
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    if (!isCut(page, limits)) return
    position = last
  }
}

/**
 * Streams the rows of a window in pages, each read by one statement in autocommit: no transaction and no cursor is
 * open while a page is being delivered, so nothing blocks a rotation or holds back vacuum.
 */
export async function* readWindow(
  client: pg.ClientBase,
  window: Window,
  limits: PageLimits,
): AsyncGenerator<OutboxRow[]> {
  const bounds = (
    await client.query<{ start: string; late: string[] }>({
      name: 'window-bounds',
      text: WINDOW_BOUNDS,
      values: [window.from, window.to],
    })
  ).rows[0]
  if (bounds === undefined) throw new Error('a window has bounds')

  for (const table of TABLES) {
    for (const xid of bounds.late) {
      yield* readPages(
        client,
        `late-page-${table}`,
        LATE_PAGES[table] ?? '',
        limits,
        { xid, seq: '0' },
        xid,
      )
    }
    yield* readPages(
      client,
      `range-page-${table}`,
      RANGE_PAGES[table] ?? '',
      limits,
      { xid: bounds.start, seq: '0' },
      window.to,
    )
  }
}
