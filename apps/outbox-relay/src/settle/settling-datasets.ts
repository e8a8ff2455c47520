import { type Dataset, datasetByName } from '@hq-export/contract'
import type pg from 'pg'

/** A dataset whose rows are exported from the settle list. */
export interface SettlingDataset {
  readonly dataset: Dataset
  /** `schema.table` of the rows that complete its rows. */
  readonly childTable: string
}

const SETTLING = /* sql */ `
select dataset, definition #>> '{settle,children,table}' as child_table
from hq_export.binding
where pg_catalog.jsonb_exists(definition, 'settle')
order by number`

/** What settles under the installed binding. */
export async function readSettlingDatasets(client: pg.ClientBase): Promise<SettlingDataset[]> {
  const { rows } = await client.query<{ dataset: string; child_table: string }>(SETTLING)
  return rows.map(({ dataset, child_table }) => ({
    dataset: datasetByName(dataset),
    childTable: child_table,
  }))
}
