import { datasetByName } from '@hq-export/contract'
import pg from 'pg'
import type { Binding } from './binding-schema.ts'
import type { BoundBefore } from './bound-before.ts'
import { delaySql } from './joins.ts'
import { projectionOf } from './projection.ts'
import { tableSql } from './table-sql.ts'

const FIRST_MARK = `
insert into hq_export.settled (due_before, seen)
select pg_catalog.clock_timestamp(), '1:1:' where not exists (select from hq_export.settled)`

/**
 * Begins to settle datasets that did not before, in the transaction that installs and under its locks: nobody is writing rows or
 * children. Older rows are complete from now on; those of the last moments go to the settle list, for their children may still come. The scan for
 * them is the only work under the locks that grows with the table.
 * @param before what is bound by the binding that is replaced.
 */
export async function beginSettling(
  client: pg.ClientBase,
  binding: Binding,
  before: readonly BoundBefore[],
): Promise<void> {
  await keepLateByTime(client, binding, before)
  const settlesAlready = before.filter(({ settles }) => settles).map(({ dataset }) => dataset)
  const begins = binding.datasets.filter(
    ({ settle, dataset }) => settle !== undefined && !settlesAlready.includes(dataset),
  )
  if (begins.length === 0) return
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
select pg_catalog.clock_timestamp() + ${delaySql(settle)}, ${datasetByName(bound.dataset).number}, ${key}
from ${tableSql(bound.table)} r
where ${conditions.join(' and ')}`)
  }
}

/** Children that an older build left out by their time stay left out: their rows were exported without them. */
async function keepLateByTime(
  client: pg.ClientBase,
  binding: Binding,
  before: readonly BoundBefore[],
): Promise<void> {
  for (const { dataset, table, key, settle } of binding.datasets) {
    const known = before.find((bound) => bound.dataset === dataset)
    if (settle === undefined || known?.countedByTime !== true) continue
    const { children } = settle
    const childCreated = `c.${pg.escapeIdentifier(children.createdAt)}`
    await client.query(`insert into hq_export.late_child (dataset, key)
select ${datasetByName(dataset).number}, c.${pg.escapeIdentifier(children.key)}::text
from ${tableSql(children.table)} c
join ${tableSql(table)} r on r.${pg.escapeIdentifier(key[0] ?? '')} = c.${pg.escapeIdentifier(children.parent)}
where ${childCreated} > r.${pg.escapeIdentifier(settle.createdAt)} + ${delaySql(settle)}
on conflict do nothing`)
  }
}
