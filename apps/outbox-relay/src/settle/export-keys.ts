import { type Dataset, datasetByName } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { isSettledSql } from '../binding/projection/settled-sql.ts'
import type { SentKey } from '../reexport/insert-keys.ts'
import { reexportKeys } from '../reexport/reexport-keys.ts'
import { hasSqlstate, LOCK_NOT_AVAILABLE } from '../session/sqlstate.ts'
import { IS_SETTLED } from './read-pending.ts'
import type { SettlingDataset } from './settling-datasets.ts'

// One exporter at a time, and the lock is not waited for: the other one does the same work.
const LOCK_MARKS = /* sql */ `lock table hq_export.settled in share row exclusive mode nowait`

const ADD_MARK = /* sql */ `
insert into hq_export.settled (due_before, number, seen)
select pg_catalog.clock_timestamp(),
  greatest($1::bigint, (select m.number from hq_export.settled m order by m.id desc limit 1)),
  pg_catalog.pg_current_snapshot()
returning id::text as id`

/** Keys that mark `$1` settles and the one before it did not; one row per key. */
function keysStatement(dataset: Dataset): string {
  return /* sql */ `
select distinct on (p.key) p.key, p.traceparent
from hq_export.settle p
join hq_export.settled m on m.id = $1::bigint
left join lateral (
  select b.number, b.seen from hq_export.settled b where b.id < m.id order by b.id desc limit 1
) before on true
where p.dataset = ${dataset.number} and ${IS_SETTLED}
  and ${isSettledSql('before')} is not true`
}

/**
 * The view already reads the mark that this transaction has just made, and so shows what it
 * settles.
 */
async function exportDataset(
  client: pg.ClientBase,
  dataset: Dataset,
  mark: string,
): Promise<number> {
  const { rows } = await client.query<SentKey>(keysStatement(dataset), [mark])
  // Only entities have snapshots, for which a binding is asked.
  return reexportKeys(client, undefined, dataset, rows)
}

/**
 * Projects every key up to `lastNumber` from its view into the outbox, and marks them, in one
 * transaction: each goes out exactly once, whatever dies. Who could still have added to them has
 * ended before (see `closeKeys`). A key whose row is gone goes nowhere: its delete sent it.
 * @returns rows that went into the outbox, or undefined where another relay is at it.
 */
export async function exportKeys(
  client: pg.ClientBase,
  datasets: readonly SettlingDataset[],
  lastNumber: string,
): Promise<number | undefined> {
  try {
    return await transact(
      client,
      async () => {
        await client.query(LOCK_MARKS)
        const { rows } = await client.query<{ id: string }>(ADD_MARK, [lastNumber])
        const mark = rows[0]?.id
        if (mark === undefined) throw new Error('a mark has an id')
        let exported = 0
        for (const { dataset } of datasets) {
          exported += await exportDataset(client, datasetByName(dataset.name), mark)
        }
        // The newest and the one that it follows are all that is ever read.
        await client.query('delete from hq_export.settled where id < $1::bigint - 1', [mark])
        return exported
      },
      { mode: 'isolation level read committed' },
    )
  } catch (error) {
    if (hasSqlstate(error, LOCK_NOT_AVAILABLE)) return undefined
    throw error
  }
}
