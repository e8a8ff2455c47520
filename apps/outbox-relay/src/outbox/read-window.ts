import { setImmediate as nextTurn } from 'node:timers/promises'
import type pg from 'pg'
import { cutPage, type PageCut, type PageLimits, type PageRange, restOf } from './cut-page.ts'
import { type ComparedVersions, NewestVersions } from './newest-versions.ts'
import { OUTBOX_TABLES } from './outbox-tables.ts'
import {
  countSuperseded,
  type OversizedRow,
  type Page,
  readFailedRows,
  readOutrunRows,
  readOversizedRows,
  readPage,
} from './read-page.ts'
import { pageOf, type Tick } from './small-window.ts'
import type { Snapshot } from './tick.ts'

const NO_VERSIONS: ComparedVersions = { superseded: [], inversions: [] }

const WINDOW_BOUNDS = /* sql */ `
select pg_catalog.pg_snapshot_xmax($1::pg_snapshot)::text as lowest,
       pg_catalog.pg_snapshot_xmax($2::pg_snapshot)::text as end,
       array(
         select x::text from pg_catalog.pg_snapshot_xip($1::pg_snapshot) x
         where pg_catalog.pg_visible_in_snapshot(x, $2::pg_snapshot)
       ) as late`

/** Where the rows of a window stand, per table: what began after `from`, and late transactions. */
async function findRanges(client: pg.ClientBase, window: Window): Promise<PageRange[]> {
  const { rows } = await client.query<{ lowest: string; end: string; late: string[] }>({
    name: 'window-bounds',
    text: WINDOW_BOUNDS,
    values: [window.from, window.to],
  })
  const [bounds] = rows
  if (bounds === undefined) throw new Error('a window has bounds')
  return OUTBOX_TABLES.map((table) => ({
    table,
    to: window.to,
    after: { xid: bounds.end, seq: '0' },
    lowestXid: bounds.lowest,
    lateXids: bounds.late,
  }))
}

/** What the versions of a page say; a row that is too large to travel supersedes nothing. */
function compareVersions(
  newest: NewestVersions,
  { versions }: PageCut,
  oversized: readonly OversizedRow[],
): ComparedVersions {
  if (versions === null) return NO_VERSIONS
  if (oversized.length === 0) return newest.compare(versions)
  const tooLarge = new Set(oversized.map(({ seq }) => seq))
  const entries = versions.split(',')
  const rest = entries.filter((entry) => !tooLarge.has(entry.slice(entry.lastIndexOf(' ') + 1)))
  return rest.length === 0 ? NO_VERSIONS : newest.compare(rest.join(','))
}

async function* readRange(
  client: pg.ClientBase,
  start: PageRange,
  limits: PageLimits,
  newest: NewestVersions,
): AsyncGenerator<Page> {
  // The next page is found while what is known of this one is compared here.
  let cutting = cutPage(client, start, limits)
  for (let range = start; ; ) {
    const cut = await cutting
    if (cut === undefined) return
    const rest = restOf(range, cut)
    if (cut.isCut) {
      cutting = cutPage(client, rest, limits)
      // Whoever takes no further page does not hear of it.
      cutting.catch(() => {})
      // It is sent before, too.
      await nextTurn()
    }
    const oversized = cut.mayHoldOversized ? await readOversizedRows(client, range, cut) : []
    const tooLarge = oversized.map(({ seq }) => seq)
    const { superseded, inversions } = compareVersions(newest, cut, oversized)
    const skipped = [...superseded, ...tooLarge]
    const isAllSkipped = skipped.length === cut.rowCount
    const wireRows = isAllSkipped ? [] : await readPage(client, range, cut, skipped)
    const failed = cut.failedCount === 0 ? [] : await readFailedRows(client, range, cut, tooLarge)
    const deleteRaces =
      inversions.length === 0 ? [] : await readOutrunRows(client, range, cut, inversions)
    const behind = await countSuperseded(client, range, cut, superseded)
    yield { rowCount: cut.rowCount, wireRows, failed, oversized, deleteRaces, superseded: behind }
    if (!cut.isCut) return
    range = rest
  }
}

/**
 * Streams a window in pages, newest rows first, each read by statements in autocommit: no
 * transaction and no cursor is open while a page is being delivered, so nothing blocks a rotation
 * or holds back vacuum. The pages are the same however often they are read, as long as the limits
 * are.
 * @param newest learns which versions stay behind.
 */
export async function* readWindow(
  client: pg.ClientBase,
  window: Window,
  limits: PageLimits,
  newest: NewestVersions = new NewestVersions(),
): AsyncGenerator<Page> {
  if (window.rows !== undefined) {
    if (window.rows.length > 0) yield pageOf(window.rows, newest)
    return
  }
  for (const range of await findRanges(client, window)) {
    yield* readRange(client, range, limits, newest)
  }
}

/**
 * What committed between two snapshots: visible in `to`, not in `from`. Rows with xid >= xmax(from)
 * are by definition invisible in `from`, so a range of the index finds them. The rest are
 * transactions that were open in `from` and have committed since: few, named one by one.
 */
export interface Window {
  readonly from: Snapshot
  readonly to: Snapshot
  /** All of it, where its tick has read it. */
  readonly rows?: Tick['rows']
}
