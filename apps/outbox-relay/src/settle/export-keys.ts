import { type Dataset, datasetByName } from '@hq-export/contract'
import { isRowFault, isStatementFault } from '@hq-export/runtime/postgres/row-fault.ts'
import pg from 'pg'
import { viewName } from '../binding/projection/view-sql.ts'
import { wireBodySql } from '../binding/projection/wire-body.ts'
import { IS_SETTLED } from './read-pending.ts'
import type { SettlingDataset } from './settling-datasets.ts'

// One exporter at a time, and the lock is not waited for: the other one does the same work.
const LOCK_MARKS = /* sql */ `lock table hq_export.settled in share row exclusive mode nowait`
const LOCK_NOT_AVAILABLE = '55P03'
/** Keys that fail in a row, and not by a value, until the others are not tried any more. */
const MAX_STATEMENT_FAULTS = 16

const ADD_MARK = /* sql */ `
insert into hq_export.settled (due_before, number, seen)
select pg_catalog.clock_timestamp(),
  greatest($1::bigint, (select m.number from hq_export.settled m order by m.id desc limit 1)),
  pg_catalog.pg_current_snapshot()
returning id::text as id`

// The view already reads the mark that this transaction has just made, and so shows what it
// settles.
function exportStatement(outbox: number, dataset: Dataset, oneKey: boolean): string {
  const column = (name: string): string => `v.${pg.escapeIdentifier(name)}`
  const [key = ''] = dataset.primaryKey
  const body = wireBodySql(
    dataset.columns.map(({ name, type }) => ({ name, type, sql: column(name) })),
  )
  const match = `${column(key)} = k.key::uuid`
  const view = `${viewName(dataset.name)} v`
  // Alone, it computes no other row on the way, which it would where an expression of the view is
  // volatile and keeps it from being merged.
  const rows = oneKey
    ? `cross join lateral (select * from ${view} where ${match} offset 0) v`
    : `join ${view} on ${match}`
  return /* sql */ `
insert into hq_export.outbox_${outbox} (dataset, key, traceparent, body)
select ${dataset.number}, k.key, k.traceparent, ${body}
from (${keysStatement(dataset)}${oneKey ? ' and p.key = $2' : ''} offset 0) k
${rows}`
}

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
  and (p.number <= before.number and pg_catalog.pg_visible_in_snapshot(p.xid, before.seen)) is not true`
}

// A row that the view cannot compute goes out as a failed capture.
const insertFailed = (outbox: number) => /* sql */ `
insert into hq_export.outbox_${outbox} (dataset, key, sqlstate)
select $1, k, $3 from pg_catalog.unnest($2::text[]) k`

/** Each key by itself: those that the view can compute must not wait for one that it cannot. */
async function exportOneByOne(
  client: pg.ClientBase,
  outbox: number,
  dataset: Dataset,
  mark: string,
): Promise<number> {
  const { rows } = await client.query<{ key: string }>(keysStatement(dataset), [mark])
  let exported = 0
  let statementFaults = 0
  for (const [position, { key }] of rows.entries()) {
    await client.query('savepoint one_key')
    try {
      const { rowCount } = await client.query(exportStatement(outbox, dataset, true), [mark, key])
      exported += rowCount ?? 0
      statementFaults = 0
    } catch (error) {
      if (!isRowFault(error)) throw error
      await client.query('rollback to savepoint one_key')
      if (isStatementFault(error)) statementFaults++
      // A column or a right is missing, for every key: no use in asking thousands of times.
      const isHopeless = statementFaults === MAX_STATEMENT_FAULTS
      const failed = rows.slice(position, isHopeless ? undefined : position + 1)
      const keys = failed.map((row) => row.key)
      await client.query(insertFailed(outbox), [dataset.number, keys, error.code])
      exported += keys.length
      if (isHopeless) return exported
    }
    await client.query('release savepoint one_key')
  }
  return exported
}

async function exportDataset(
  client: pg.ClientBase,
  outbox: number,
  dataset: Dataset,
  mark: string,
): Promise<number> {
  await client.query('savepoint dataset')
  try {
    return (await client.query(exportStatement(outbox, dataset, false), [mark])).rowCount ?? 0
  } catch (error) {
    if (!isRowFault(error)) throw error
    await client.query('rollback to savepoint dataset')
    return exportOneByOne(client, outbox, dataset, mark)
  }
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
  await client.query('begin isolation level read committed')
  try {
    await client.query(LOCK_MARKS)
    const { rows } = await client.query<{ id: string }>(ADD_MARK, [lastNumber])
    const mark = rows[0]?.id
    if (mark === undefined) throw new Error('a mark has an id')
    const current = await client.query<{ number: number }>(
      `select coalesce(pg_catalog.pg_sequence_last_value('hq_export.current_outbox'), 0)::int as number`,
    )
    const outbox = current.rows[0]?.number ?? 0
    let exported = 0
    for (const { dataset } of datasets) {
      exported += await exportDataset(client, outbox, datasetByName(dataset.name), mark)
    }
    // The newest and the one that it follows are all that is ever read.
    await client.query('delete from hq_export.settled where id < $1::bigint - 1', [mark])
    await client.query('commit')
    return exported
  } catch (error) {
    await client.query('rollback')
    if ((error as { code?: string }).code === LOCK_NOT_AVAILABLE) return undefined
    throw error
  }
}
