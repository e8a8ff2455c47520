import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import type { AcceptedRow } from '../batch/batch-row.ts'
import type { Origin } from './applied.ts'
import { arraysFrom, columnArrays, keyMatch, parametersOf, qualified } from './column-arrays.ts'
import { perDataset } from './per-dataset.ts'

export type VersionedDataset = Dataset & { readonly versionColumn: string }

/** What was written of rows with distinct keys. */
export interface Upserted {
  readonly inserted: number
  readonly written: number
  /** Keys written, only where a row was not; else null. */
  readonly writtenKeys: readonly string[] | null
}

/** Rows of a batch that are looked up first, evenly spread. */
const PROBES = 16

/*
 * The contract's upsert rule in one statement: a row is written only if its version is greater than the stored one. That rule
 * stands in ON CONFLICT, where it holds under the lock of the row, whoever else writes.
 *
 * ON CONFLICT locks, and so writes, the stored row even where the rule refuses the new one: 5,000 stale rows would be 274 kB
 * of WAL. So a few rows are looked up first. If one of them is not newer, every row is looked up before it is offered, and a
 * stale batch writes nothing; if all of them are, the rows are offered as they are, which spares a batch of news 3 us a row.
 *
 * Locks: rows are written, so locked, in the order of the whole primary key; two batches with the same keys wait for
 * one another in the same order and never in a circle. A row that was not written because of a concurrent version stays
 * locked by us until the end of the transaction.
 *
 * xmax is 0 in a row version that was inserted, not updated.
 */
const upsertStatement = perDataset((dataset) => {
  const { versionColumn: version, primaryKey } = dataset
  if (version === undefined) return undefined
  const names = dataset.columns.map(({ name }) => name)
  const beside = ['_dx_xid', '_dx_deleted_at', '_dx_extra', '_dx_source', '_dx_batch']
  const assigned = [...names, ...beside, '_dx_ingested_at']
    .filter((name) => !primaryKey.includes(name))
    .map((name) => `${name} = excluded.${name}`)
    .join(', ')
  const free = parametersOf(dataset)
  const probed = [...primaryKey, version]
  const probes = probed
    .map((name, i) => `$${free + 3 + i}::${name === version ? 'int8' : 'uuid'}[]`)
    .join(', ')
  const notNewer = (alias: string) =>
    `${keyMatch(dataset, 's', alias)} and s.${version} >= ${alias}.${version}`
  return `
    with written as (
      insert into hq.${dataset.name} as t (${[...names, ...beside].join(', ')})
      select ${qualified([...names, '_dx_xid', '_dx_deleted_at', '_dx_extra'], 'i')}, $${free}, $${free + 1}
      from ${arraysFrom(dataset, 'i')}
      where not (select exists (
            select from unnest(${probes}) as p (${probed.join(', ')})
            join hq.${dataset.name} as s on ${notNewer('p')}))
        or not exists (select from hq.${dataset.name} as s where ${notNewer('i')})
      order by ${qualified(primaryKey, 'i')}
      on conflict (${primaryKey.join(', ')}) do update set ${assigned}
        where t.${version} < excluded.${version}
      returning ${qualified(primaryKey, 't')}, t.xmax = 0 as inserted
    )
    select pg_catalog.count(*)::int4 as written,
      (pg_catalog.count(*) filter (where inserted))::int4 as inserted,
      case when pg_catalog.count(*) < $${free + 2}::int4
        then coalesce(pg_catalog.json_agg(pg_catalog.concat_ws('/', ${primaryKey.join(', ')})), '[]') end as "writtenKeys"
    from written`
})

/** Some rows, the first among them, as parameters: where one of a stale batch is stale, it shows. */
function probesOf(dataset: VersionedDataset, rows: readonly AcceptedRow[]): string[] {
  const step = Math.max(1, Math.floor(rows.length / PROBES))
  const probed = rows.filter((_, position) => position % step === 0)
  return [...dataset.primaryKey, dataset.versionColumn].map(
    (name) => `{${probed.map(({ row }) => row[name]).join(',')}}`,
  )
}

/** Upserts that a session has made of each dataset. */
const upsertsOf = new WeakMap<pg.PoolClient, Map<string, number>>()
/** Later plans would be the same: the table has shown its size. */
const LAST_PLAN = 12

/**
 * Name under which the statement is parsed and planned once per session, again at its 2nd, 4th, 8th .. use. While a table is empty, every index
 * of it costs the same, and the plan may look an entity up among all rows of its org; kept, that is quadratic until somebody analyzes. A plan
 * made at twice the size sees the difference, so a wrong one never serves longer than the session has been up.
 */
function statementName(client: pg.PoolClient, dataset: VersionedDataset): string {
  const counts = upsertsOf.get(client) ?? new Map<string, number>()
  const count = (counts.get(dataset.name) ?? 0) + 1
  counts.set(dataset.name, count)
  upsertsOf.set(client, counts)
  return `upsert ${dataset.name} ${Math.min(Math.floor(Math.log2(count)), LAST_PLAN)}`
}

/** Upserts rows of one dataset, each key at most once among them. */
export async function upsertRows(
  client: pg.PoolClient,
  dataset: VersionedDataset,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Upserted> {
  const text = upsertStatement(dataset)
  if (text === undefined) throw new TypeError(`${dataset.name} has no versions`)
  const { rows: answers } = await client.query<Upserted>({
    name: statementName(client, dataset),
    text,
    values: [
      ...columnArrays(dataset, rows),
      origin.source,
      origin.batch,
      rows.length,
      ...probesOf(dataset, rows),
    ],
  })
  const [upserted] = answers
  if (upserted === undefined) throw new Error('the upsert answered nothing')
  return upserted
}
