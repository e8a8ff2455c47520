import type { Dataset } from '@hq-export/contract'
import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import type pg from 'pg'
import type { Origin } from './applied.ts'
import type { AcceptedRow } from './batch-row.ts'
import { arraysFrom, columnArrays, parametersOf, qualified, storedRow } from './column-arrays.ts'
import { perDataset } from './per-dataset.ts'
import type { PreparedRows } from './prepared-rows.ts'

export type VersionedDataset = Dataset & { readonly versionColumn: string }

/** What was written of rows with distinct keys. */
export interface Upserted {
  readonly inserted: number
  readonly written: number
  /** Keys written, only where a row was not; else null. */
  readonly writtenKeys: readonly string[] | null
}

/** Columns that an upsert writes beside the contract's. */
const BESIDE = ['_dx_xid', '_dx_deleted_at', '_dx_extra', '_dx_source', '_dx_batch']

/** Columns that an upsert writes, those of {@link arraysFrom} first, then source and batch. */
export function upsertedColumns({ columns }: Dataset): string[] {
  return [...columns.map(({ name }) => name), ...BESIDE]
}

/**
 * The contract's rule: a row is written only if its version is greater than the stored one, `t`.
 * xmax is 0 in a row version that was inserted, not updated.
 */
export function upsertRule(dataset: VersionedDataset): string {
  const { versionColumn: version, primaryKey } = dataset
  const assigned = [...upsertedColumns(dataset), '_dx_ingested_at']
    .filter((name) => !primaryKey.includes(name))
    .map((name) => `${name} = excluded.${name}`)
    .join(', ')
  return `on conflict (${primaryKey.join(', ')}) do update set ${assigned}
        where t.${version} < excluded.${version}`
}

/** A dataset with versions as such, or undefined. */
export function versioned(dataset: Dataset): VersionedDataset | undefined {
  const { versionColumn } = dataset
  return versionColumn === undefined ? undefined : { ...dataset, versionColumn }
}

/** Rows of a batch that are looked up first, evenly spread. */
const PROBES = 16

/*
 * The contract's upsert rule in one statement. That rule stands in ON CONFLICT, where it holds under
 * the lock of the row, whoever else writes.
 *
 * ON CONFLICT locks, and so writes, the stored row even where the rule refuses the new one: 5,000
 * stale rows would be 274 kB of WAL. So a few rows are looked up first. If one of them is not
 * newer, every row is looked up before it is offered, and a stale batch writes nothing; if all of
 * them are, the rows are offered as they are, which spares a batch of news 3 us a row.
 *
 * Locks: rows are written, so locked, in the order of the whole primary key; two batches with the
 * same keys wait for one another in the same order and never in a circle. A row that was not
 * written because of a concurrent version stays locked by us until the end of the transaction.
 */
const upsertStatement = perDataset((dataset) => {
  const upserted = versioned(dataset)
  if (upserted === undefined) return undefined
  const { versionColumn: version, primaryKey } = upserted
  const columns = upsertedColumns(dataset)
  const free = parametersOf(dataset)
  const probed = [...primaryKey, version]
  const probes = probed
    .map((name, i) => `$${free + 3 + i}::${name === version ? 'int8' : 'uuid'}[]`)
    .join(', ')
  return `
    with written as (
      insert into hq.${dataset.name} as t (${columns.join(', ')})
      select ${qualified(columns.slice(0, -2), 'i')}, $${free}, $${free + 1}
      from ${arraysFrom(dataset, 'i')}
      where not (select exists (
            select from unnest(${probes}) as p (${probed.join(', ')})
            cross join ${storedRow(dataset, 'p')} as s where s.${version} >= p.${version}))
        or not exists (select from ${storedRow(dataset, 'i')} as s
          where s.${version} >= i.${version})
      order by ${qualified(primaryKey, 'i')}
      ${upsertRule(upserted)}
      returning ${qualified(primaryKey, 't')}, t.xmax = 0 as inserted
    )
    select pg_catalog.count(*)::int4 as written,
      (pg_catalog.count(*) filter (where inserted))::int4 as inserted,
      case when pg_catalog.count(*) < $${free + 2}::int4
        then coalesce(pg_catalog.json_agg(pg_catalog.concat_ws('/', ${primaryKey.join(', ')})),
          '[]') end as "writtenKeys"
    from written`
})

/** What an upsert takes of its rows. */
type UpsertedRows = Pick<PreparedRows, 'count' | 'columnArrays' | 'sample'>

/** Rows as their upsert takes them. */
function upsertedRows(dataset: Dataset, rows: readonly AcceptedRow[]): UpsertedRows {
  return {
    count: rows.length,
    columnArrays: () => columnArrays(dataset, rows),
    sample: (column, step) =>
      rows.filter((_, position) => position % step === 0).map(({ row }) => String(row[column])),
  }
}

/**
 * Some rows, the first among them, as parameters: where one of a stale batch is stale, it shows.
 */
function probesOf(dataset: VersionedDataset, rows: UpsertedRows): string[] {
  const step = Math.max(1, Math.floor(rows.count / PROBES))
  return [...dataset.primaryKey, dataset.versionColumn].map(
    (name) => `{${rows.sample(name, step).join(',')}}`,
  )
}

/** Upserts rows of one dataset, each key at most once among them. */
export function upsertRows(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Upserted> {
  return upsertArrays(client, dataset, upsertedRows(dataset, rows), origin)
}

/** {@link upsertRows} of rows that are prepared. */
export async function upsertArrays(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  rows: UpsertedRows,
  origin: Origin,
): Promise<Upserted> {
  const text = upsertStatement(dataset)
  if (text === undefined) throw new TypeError(`${dataset.name} has no versions`)
  const arrays = rows.columnArrays()
  const { rows: answers } = await client.query<Upserted>({
    // Named, so that it is parsed and planned once per session.
    name: `upsert ${dataset.name}`,
    text,
    values: [...arrays, origin.source, origin.batch, rows.count, ...probesOf(dataset, rows)],
  })
  for (const array of arrays) if (typeof array !== 'string') freeMemory(array)
  const [upserted] = answers
  if (upserted === undefined) throw new Error('the upsert answered nothing')
  return upserted
}
