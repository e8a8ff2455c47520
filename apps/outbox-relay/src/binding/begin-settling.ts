import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { Binding } from './binding-schema.ts'
import { delaySql } from './joins.ts'
import { projectionOf } from './projection.ts'
import { microsecondsSql } from './settle-capture.ts'
import { tableSql } from './table-sql.ts'

// Never lower: what was closed stays closed.
const RAISE_HORIZON = `
select pg_catalog.setval('hq_export.settle_horizon', greatest(
  pg_catalog.pg_sequence_last_value('hq_export.settle_horizon'),
  ${microsecondsSql('pg_catalog.clock_timestamp()')}))`

const FIRST_MARK = `
insert into hq_export.settled (due_before, seen)
select pg_catalog.clock_timestamp(), '1:1:' where not exists (select from hq_export.settled)`

/**
 * Begins to settle datasets that did not before, in the transaction that installs and under its locks: nobody is writing rows or
 * children. Older rows are complete from now on; those of the last moments go to the settle list, for their children may still come. The scan for
 * them is the only work under the locks that grows with the table.
 * @param settlesAlready datasets that settle under the binding that is replaced.
 */
export async function beginSettling(
  client: pg.ClientBase,
  binding: Binding,
  settlesAlready: readonly string[],
): Promise<void> {
  const begins = binding.datasets.filter(
    ({ settle, dataset }) => settle !== undefined && !settlesAlready.includes(dataset),
  )
  if (begins.length === 0) return
  await client.query(RAISE_HORIZON)
  await client.query(FIRST_MARK)
  for (const bound of begins) {
    const { settle } = bound
    if (settle === undefined) continue
    const { key, filters } = projectionOf(bound, 'null')
    const createdAt = `r.${pg.escapeIdentifier(settle.createdAt)}`
    const conditions = [
      `${createdAt} > pg_catalog.clock_timestamp() - ${delaySql(settle)}`,
      ...filters,
    ]
    await client.query(`insert into hq_export.settle_0 (due_at, dataset, key)
select greatest(pg_catalog.clock_timestamp(), ${createdAt}) + ${delaySql(settle)}, ${datasetByName(bound.dataset).number}, ${key}
from ${tableSql(bound.table)} r
where ${conditions.join(' and ')}`)
  }
}
