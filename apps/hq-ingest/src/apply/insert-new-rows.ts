import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import type { Origin } from './applied.ts'
import type { AcceptedRow } from './batch-row.ts'
import { arraysFrom, columnArrays, parametersOf, qualified } from './column-arrays.ts'
import { perDataset } from './per-dataset.ts'

/*
 * Locks: inserts in the order of the primary key, so that two batches with the same keys wait for
 * one another in the same order and never in a circle. A row whose key, or whose guard, another
 * transaction is inserting waits for its end. No arbiter is named: both unique constraints count,
 * and the statement stays valid on Citus.
 */
const insertStatement = perDataset((dataset) => {
  const names = dataset.columns.map(({ name }) => name)
  const free = parametersOf(dataset)
  return `
    insert into hq.${dataset.name} as t
      (${names.join(', ')}, _dx_xid, _dx_extra, _dx_source, _dx_batch)
    select ${qualified(names, 'i')}, i._dx_xid, i._dx_extra, $${free}, $${free + 1}
    from ${arraysFrom(dataset, 'i')}
    order by ${qualified(dataset.primaryKey, 'i')}, i.n
    on conflict do nothing
    returning pg_catalog.concat_ws('/', ${qualified(dataset.primaryKey, 't')}) as key`
})

/**
 * Inserts the rows whose keys are free and skips the others.
 * @returns keys that were inserted.
 */
export async function insertNewRows(
  client: pg.PoolClient,
  dataset: Dataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Set<string>> {
  const result = await client.query<{ key: string }>(insertStatement(dataset), [
    ...columnArrays(dataset, rows),
    origin.source,
    origin.batch,
  ])
  return new Set(result.rows.map(({ key }) => key))
}
