import { datasetByName } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import pg from 'pg'
import { EMPTY_SNAPSHOT } from '../../outbox/tick.ts'
import type { Binding, BoundDataset } from '../binding-schema.ts'
import { delaySql } from '../projection/joins.ts'
import { projectionOf } from '../projection/projection.ts'
import { tableSql } from '../source-table.ts'
import { type PreviousBinding, readPreviousBindings } from './previous-binding.ts'

type Settle = NonNullable<BoundDataset['settle']>

const FIRST_MARK = `
insert into hq_export.settled (due_before, seen)
select pg_catalog.clock_timestamp(), '${EMPTY_SNAPSHOT}'
where not exists (select from hq_export.settled)`

/**
 * Begins to settle datasets that did not before, in the transaction that installs and under its
 * locks: nobody is writing rows or children. Older rows are complete from now on; those of the last
 * moments are left to {@link noteRecentRows}.
 * @param settlesAlready datasets that settle under the binding that is replaced.
 * @returns the datasets that begin.
 */
export async function beginSettling(
  client: pg.ClientBase,
  { datasets }: Binding,
  settlesAlready: readonly string[],
): Promise<Set<string>> {
  const begins = datasets.filter(
    ({ settle, dataset }) => settle !== undefined && !settlesAlready.includes(dataset),
  )
  if (begins.length > 0) {
    await client.query(FIRST_MARK)
  }
  return new Set(begins.map(({ dataset }) => dataset))
}

// Whoever has written a row since has noted it in the same transaction, so this statement sees both
// or neither.
function noteStatement(bound: BoundDataset, settle: Settle, table: number): string {
  const { dataset, key, filters } = projectionOf(bound, 'null')
  const createdAt = `r.${pg.escapeIdentifier(settle.createdAt)}`
  const conditions = [
    `${createdAt} > $1::timestamptz - ${delaySql(settle)}`,
    `not exists (select from hq_export.settle p
      where p.dataset = ${dataset.number} and p.key = ${key})`,
    ...filters,
  ]
  return `insert into hq_export.settle_${table} (due_at, dataset, key)
select pg_catalog.clock_timestamp() + ${delaySql(settle)}, ${dataset.number}, ${key}
from ${tableSql(bound.table)} r
where ${conditions.join(' and ')}`
}

const CURRENT = `
select pg_catalog.pg_sequence_last_value('hq_export.current_settle')::int as current`
const NOTED = `update hq_export.binding set noting_since = null where dataset = $1`

/**
 * Puts rows that were written shortly before their dataset was bound on the settle list, for their
 * children may still come. After the installation, whose triggers note every later row: the scan
 * grows with the table and must hold up no writer. What is interrupted is done by the next `bind`.
 * @returns true if there was something to do.
 */
export async function noteRecentRows(client: pg.ClientBase, binding: Binding): Promise<boolean> {
  const waiting = (await readPreviousBindings(client)).filter(
    ({ notingSince }) => notingSince !== null,
  )
  for (const { dataset, notingSince } of waiting) {
    const bound = binding.datasets.find((candidate) => candidate.dataset === dataset)
    const note = async (): Promise<void> => {
      if (bound?.settle !== undefined) {
        const { rows } = await client.query<{ current: number }>(CURRENT)
        const statement = noteStatement(bound, bound.settle, rows[0]?.current ?? 0)
        await client.query(statement, [notingSince])
      }
      await client.query(NOTED, [dataset])
    }
    await transact(client, note, { mode: 'isolation level read committed' })
  }
  return waiting.length > 0
}

/**
 * Children that an older build left out by their time stay left out: their rows were exported
 * without them. Before any lock of a table: the scan grows with it.
 */
export async function keepLateByTime(
  client: pg.ClientBase,
  binding: Binding,
  before: readonly PreviousBinding[],
): Promise<void> {
  for (const { dataset, table, key, settle } of binding.datasets) {
    const known = before.find((bound) => bound.dataset === dataset)
    if (settle === undefined || known?.countedByTime !== true) continue
    const { children } = settle
    const childCreated = `c.${pg.escapeIdentifier(children.createdAt)}`
    await client.query(`insert into hq_export.late_child (dataset, key)
select ${datasetByName(dataset).number}, c.${pg.escapeIdentifier(children.key)}::text
from ${tableSql(children.table)} c
join ${tableSql(table)} r
  on r.${pg.escapeIdentifier(key[0] ?? '')} = c.${pg.escapeIdentifier(children.parent)}
where ${childCreated} > r.${pg.escapeIdentifier(settle.createdAt)} + ${delaySql(settle)}
on conflict do nothing`)
  }
}
