import type pg from 'pg'
import { forEachBlockRange } from '../outbox/block-ranges.ts'
import { CURRENT_OUTBOX, OUTBOX_TABLES } from '../outbox/outbox-tables.ts'

/*
 * Rows that a restore brought carry transaction ids of another server. A visible row's transaction
 * has ended, so an id of this server lies below the snapshot's xmax; a row whose id does not would
 * be visible in no window until this server has counted up to it, perhaps never. Such rows get an
 * id of this server. One whose foreign id lies below is visible in every window that begins with
 * nothing, and needs no change; after pg_upgrade, which keeps the ids, that is every row.
 */

const IS_FOREIGN = 'xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())'

const FIND = /* sql */ `
select ${OUTBOX_TABLES.map(
  (table) => `exists (select from hq_export.outbox_${table} where ${IS_FOREIGN}) as found_${table}`,
).join(', ')}, ${CURRENT_OUTBOX} as current`

// In the order in which they stand there, which is that of their capture but for what was written
// side by side. Row locks only, on rows that nobody else writes. The old rows stay as dead ones
// until the table is truncated.
const adopt = (table: number, all: boolean): string => /* sql */ `
update hq_export.outbox_${table}
set xid = case when ${IS_FOREIGN} then pg_catalog.pg_current_xact_id() else xid end,
  seq = pg_catalog.nextval('hq_export.outbox_seq')
where ctid >= $1::tid and ctid < $2::tid${all ? '' : ` and ${IS_FOREIGN}`}`

type Found = Record<`found_${number}`, boolean> & { readonly current: number }

/**
 * Gives rows of another server ids of this one, in small transactions: writers wait for nothing,
 * and whoever comes after a relay that died meanwhile goes on with what is left.
 * @param isNumberedTwice two rows may have one `seq`: every row gets a new one.
 */
export async function adoptRows(client: pg.ClientBase, isNumberedTwice: boolean): Promise<void> {
  const [found] = (await client.query<Found>(FIND)).rows
  if (found === undefined) throw new Error('the outbox has a state')
  for (let turn = 1; turn <= OUTBOX_TABLES.length; turn++) {
    // The oldest table first.
    const table = (found.current + turn) % OUTBOX_TABLES.length
    if (found[`found_${table}`] !== true && !isNumberedTwice) continue
    await forEachBlockRange(client, `hq_export.outbox_${table}`, (range) =>
      client.query(adopt(table, isNumberedTwice), [...range]),
    )
  }
}
