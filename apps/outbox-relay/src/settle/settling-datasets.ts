import { type Dataset, datasetByName } from '@hq-export/contract'
import type pg from 'pg'

/** A dataset whose rows are exported from the settle list. */
export interface SettlingDataset {
  readonly dataset: Dataset
  /** `schema.table` of the rows that complete its rows. */
  readonly childTable: string
  /** How long its rows wait for them. */
  readonly delayMs: number
}

const SETTLING = /* sql */ `
select dataset, definition #>> '{settle,children,table}' as child_table,
       (definition #>> '{settle,delaySeconds}')::float8 * 1000 as delay_ms
from hq_export.binding
where pg_catalog.jsonb_exists(definition, 'settle')
order by number`

/** What settles under the installed binding. */
export async function readSettlingDatasets(client: pg.ClientBase): Promise<SettlingDataset[]> {
  const { rows } = await client.query<{ dataset: string; child_table: string; delay_ms: number }>(
    SETTLING,
  )
  return rows.map(({ dataset, child_table, delay_ms }) => ({
    dataset: datasetByName(dataset),
    childTable: child_table,
    delayMs: delay_ms,
  }))
}
