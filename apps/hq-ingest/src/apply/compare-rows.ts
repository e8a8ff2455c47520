import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import type { AcceptedRow } from './batch-row.ts'
import { arraysFrom, columnArrays, qualified, storedRow } from './column-arrays.ts'
import { perDataset } from './per-dataset.ts'

/** How a row relates to the stored row of its primary key. */
export type Comparison =
  | { readonly relation: 'absent' | 'older' | 'newer' | 'equal' }
  | {
      readonly relation: 'different'
      /** The stored row is of another org. */
      readonly foreign: boolean
      /** SHA-256 of both contents, hexadecimal. */
      readonly incoming: string
      readonly stored: string
    }

/*
 * Content is every column of the contract, the unknown columns, and whether the entity is gone;
 * what else HQ keeps beside them is not. Images are compared (record_image_eq): 1.0 differs from
 * 1.00, and NULL equals NULL.
 *
 * An additive column may stand in _dx_extra on one side and in a column of its own on the other: HQ
 * has learned it since, or this gateway has not learned it yet. So additive and unknown columns are
 * compared by name, wherever they stand, as text; one that is not there is NULL. Names that neither
 * side has as unknown are not looked at: other columns of the table, if an operator added any, are
 * not content.
 *
 * A delete of the version that is stored as deleted is equal, whatever else it says: a backfill
 * knows of a deleted entity no more than its key and version.
 *
 * Reads only. A fresh snapshot sees what the statement before it waited for.
 */
const compareStatement = perDataset((dataset) => {
  const { versionColumn: version } = dataset
  const frozen = dataset.columns.filter(({ additive }) => !additive).map(({ name }) => name)
  const additive = dataset.columns.filter((column) => column.additive).map(({ name }) => name)
  const same = (names: readonly string[]) =>
    `pg_catalog.record_image_eq(row(${qualified(names, 's')}), row(${qualified(names, 'i')}))`
  const names = [
    `select pg_catalog.jsonb_object_keys(coalesce(s._dx_extra, '{}')
      || coalesce(i._dx_extra, '{}'))`,
    ...additive.map((name) => `select '${name}'`),
  ].join(' union ')
  const values = additive.map((name) => `'${name}', i.${name}`).join(', ')
  const known = `pg_catalog.jsonb_build_object(${values})`
  const sameBeside = `not exists (
      select from (${names}) as beside (name)
      where coalesce(s._dx_extra ->> name, pg_catalog.to_jsonb(s) ->> name)
        is distinct from coalesce(i._dx_extra ->> name, ${known} ->> name))`
  const nothingBeside = [
    's._dx_extra is null and i._dx_extra is null',
    ...(additive.length > 0 ? [same(additive)] : []),
  ].join(' and ')
  const hashOf = (alias: string) => {
    const columns = [...dataset.columns.map(({ name }) => name), '_dx_extra']
    const content = `row(${qualified(columns, alias)}, ${alias}._dx_deleted_at is null)`
    const bytes = `pg_catalog.convert_to(${content}::text, 'UTF8')`
    return `pg_catalog.encode(pg_catalog.sha256(${bytes}), 'hex')`
  }
  const byVersion =
    version === undefined
      ? ''
      : `when s.${version} > i.${version} then 'older' when s.${version} < i.${version} then 'newer'
        when s._dx_deleted_at is not null and i._dx_deleted_at is not null then 'equal'`
  return `
    select c.relation, s.org_id <> i.org_id as foreign,
      case when c.relation = 'different' then ${hashOf('i')} end as incoming,
      case when c.relation = 'different' then ${hashOf('s')} end as stored
    from ${arraysFrom(dataset, 'i')}
    left join ${storedRow(dataset, 'i')} as s on true
    cross join lateral (select case
        when s._dx_xid is null then 'absent'
        ${byVersion}
        when ${same(frozen)}
          and (s._dx_deleted_at is null) = (i._dx_deleted_at is null)
          and (case when ${nothingBeside} then true else ${sameBeside} end) then 'equal'
        else 'different'
      end as relation) as c
    order by i.n`
})

/** Compares every row with the stored row of its key; answers in the order of `rows`. */
export async function compareRows(
  client: pg.PoolClient,
  dataset: Dataset,
  rows: readonly AcceptedRow[],
): Promise<Comparison[]> {
  const result = await client.query<Comparison>(
    compareStatement(dataset),
    columnArrays(dataset, rows),
  )
  return result.rows
}

/**
 * Both contents by their hashes, for whoever has to find out how they came apart; never a value. A
 * hash of few possible contents tells which it is, so nobody who writes for one org gets that of a
 * row of another (I7).
 */
export function describeDifference(
  what: string,
  { incoming, stored }: Extract<Comparison, { relation: 'different' }>,
): string {
  return (
    `${what} is stored with other content: incoming sha256 ${incoming}, ` +
    `stored sha256 ${stored}`
  )
}
