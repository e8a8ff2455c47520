import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import type { AcceptedRow } from '../batch/batch-row.ts'
import type { Origin } from './applied.ts'
import { perDataset } from './per-dataset.ts'
import { recordDefinition, recordNames, recordsOf, tableValue } from './record-definition.ts'

/** What came of rows with distinct keys; positions count from 0 in the rows given. */
export interface Upserted {
  readonly inserted: number
  readonly updated: number
  /** Not newer than the stored row when the statement looked. */
  readonly older: readonly (readonly [position: number, fate: 'stale' | 'duplicate' | 'conflict'])[]
  /** Keys written, only where a row lost to another transaction between the look and the write; else null. */
  readonly writtenKeys: readonly string[] | null
}

/*
 * The contract's upsert rule in one statement: a row is written only if its version is greater than the stored one.
 *
 * `judged` looks first: rows that are not newer never reach the upsert, which would lock, and so write, the stored row
 * even where its WHERE refuses it (5,000 stale rows: 274 kB of WAL without the look, none with it). The look alone would be
 * racy, so the guard stands in ON CONFLICT as well.
 *
 * Locks: rows are written, so locked, in the order of the whole primary key; two batches with the same keys wait for
 * one another in the same order and never in a circle. A row that loses the race after the look stays locked by us, so
 * asking again gives the final word.
 *
 * A delete of the version that is stored as deleted is a duplicate, whatever else it says: a backfill knows of a deleted entity
 * no more than its key and version. record_image_eq compares images: 1.0 differs from 1.00. xmax is 0 in a row version that was inserted, not updated.
 */
const upsertStatement = perDataset((dataset) => {
  const { versionColumn: version } = dataset
  if (version === undefined) return undefined
  const names = dataset.columns.map(({ name }) => name)
  const columns = names.join(', ')
  const keyOf = (alias: string) => dataset.primaryKey.map((name) => `${alias}.${name}`).join(', ')
  const keyMatches = dataset.primaryKey.map((name) => `s.${name} = i.${name}`).join(' and ')
  const assigned = [
    ...names,
    '_dx_xid',
    '_dx_deleted_at',
    '_dx_extra',
    '_dx_source',
    '_dx_batch',
    '_dx_ingested_at',
  ]
    .filter((name) => !dataset.primaryKey.includes(name))
    .map((name) => `${name} = excluded.${name}`)
    .join(', ')
  return `
    with judged as materialized (
      select i.n, ${dataset.columns.map((column) => `${tableValue(column, 'i')} as ${column.name}`).join(', ')},
        i._dx_xid, i._dx_deleted_at, i._dx_extra::jsonb as _dx_extra,
        case
          when s.${version} is null or s.${version} < i.${version} then null
          when s.${version} > i.${version} then 'stale'
          when s._dx_deleted_at is not null and i._dx_deleted_at is not null then 'duplicate'
          when pg_catalog.record_image_eq(row(${names.map((name) => `s.${name}`).join(', ')}),
                 row(${dataset.columns.map((column) => tableValue(column, 'i')).join(', ')}))
            and (s._dx_deleted_at is null) = (i._dx_deleted_at is null) then 'duplicate'
          else 'conflict'
        end as fate
      from rows from (pg_catalog.json_to_recordset($1::json) as (${recordDefinition(dataset)}))
        with ordinality as i(${recordNames(dataset)}, n)
      left join hq.${dataset.name} as s on ${keyMatches}
    ), written as (
      insert into hq.${dataset.name} as t
        (${columns}, _dx_xid, _dx_deleted_at, _dx_extra, _dx_source, _dx_batch)
      select ${columns}, _dx_xid, _dx_deleted_at, _dx_extra, $2, $3
      from judged as j
      where fate is null
      order by ${keyOf('j')}
      on conflict (${dataset.primaryKey.join(', ')}) do update set ${assigned}
        where t.${version} < excluded.${version}
      returning pg_catalog.concat_ws('/', ${keyOf('t')}) as key, t.xmax = 0 as inserted
    ), totals as (
      select pg_catalog.count(*)::int4 as written,
        (pg_catalog.count(*) filter (where inserted))::int4 as inserted
      from written
    )
    select t.inserted, t.written - t.inserted as updated,
      (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(n - 1, fate)), '[]')
        from judged where fate is not null) as older,
      case when t.written < (select pg_catalog.count(*) from judged where fate is null)
        then (select coalesce(pg_catalog.json_agg(key), '[]') from written) end as "writtenKeys"
    from totals as t`
})

/** Upserts rows of one dataset, each key at most once among them. */
export async function upsertRows(
  client: pg.PoolClient,
  dataset: Dataset & { readonly versionColumn: string },
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Upserted> {
  const statement = upsertStatement(dataset)
  if (statement === undefined) throw new TypeError(`${dataset.name} has no versions`)
  const { rows: answers } = await client.query<Upserted>(statement, [
    recordsOf(dataset, rows),
    origin.source,
    origin.batch,
  ])
  const [upserted] = answers
  if (upserted === undefined) throw new Error('the upsert answered nothing')
  return upserted
}
