import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import type { AcceptedRow } from '../batch/batch-row.ts'
import { perDataset } from './per-dataset.ts'
import { recordDefinition, recordNames, recordsOf, tableValues } from './record-definition.ts'

/** How a row relates to the stored row of its primary key. */
export type Comparison = 'equal' | 'different' | 'absent'

/*
 * record_image_eq compares images: 1.0 differs from 1.00, and NULL equals NULL. Every column of the contract counts; what HQ
 * keeps beside them does not. Reads only; the rows compared are append-only, so none of them changes meanwhile.
 */
const compareStatement = perDataset((dataset) => {
  const stored = dataset.columns.map(({ name }) => `s.${name}`).join(', ')
  const matches = dataset.primaryKey.map((name) => `s.${name} = i.${name}`).join(' and ')
  return `
    select case
        when s._dx_xid is null then 'absent'
        when pg_catalog.record_image_eq(row(${stored}), row(${tableValues(dataset, 'i')})) then 'equal'
        else 'different'
      end as comparison
    from rows from (pg_catalog.json_to_recordset($1::json) as (${recordDefinition(dataset)}))
      with ordinality as i(${recordNames(dataset)}, n)
    left join hq.${dataset.name} as s on ${matches}
    order by i.n`
})

/** Compares every row with the stored row of its key; answers in the order of `rows`. */
export async function compareRows(
  client: pg.PoolClient,
  dataset: Dataset,
  rows: readonly AcceptedRow[],
): Promise<Comparison[]> {
  const result = await client.query<{ comparison: Comparison }>(compareStatement(dataset), [
    recordsOf(dataset, rows),
  ])
  return result.rows.map(({ comparison }) => comparison)
}
