import { DATASETS, type Dataset, type DatasetName } from '@hq-export/contract'
import pg from 'pg'
import { withClient } from '../databases/connect.ts'
import { type Comparison, mergeRows } from './merge-rows.ts'
import { prepareSession, type RowSource, readRows } from './read-rows.ts'

/** A dataset with what the comparison of both databases found. */
export interface DatasetComparison extends Comparison {
  readonly dataset: DatasetName
}

const SNAPSHOTS_DATASET = 'dx_entity_snapshots_v1' satisfies DatasetName

/**
 * Where the truth of a dataset stands in data-engine-x: the projection view, which shows the
 * current rows. Of snapshots it shows the current version only, while HQ must have every version
 * there ever was: those stand in the demo's own record (`entity-history.sql`).
 */
function sourceRelation(dataset: Dataset): string {
  const schema = dataset.name === SNAPSHOTS_DATASET ? 'demo' : 'hq_export'
  return `${schema}.${pg.escapeIdentifier(dataset.name)}`
}

// A deleted entity is absent in the source; HQ keeps its last state and says since when.
function hqSource(client: pg.ClientBase, dataset: Dataset, source: string): RowSource {
  return {
    client,
    relation: `hq.${pg.escapeIdentifier(dataset.name)}`,
    where: { sql: '_dx_source = $1 and _dx_deleted_at is null', values: [source] },
  }
}

/**
 * Compares every contract column of every row of every dataset, as text, in bounded memory. Nothing
 * may be written meanwhile.
 * @param source name under which HQ files the rows of this source; rows of others are not looked
 * at.
 */
export async function compareDatabases(
  dxUrl: string,
  hqUrl: string,
  source: string,
): Promise<DatasetComparison[]> {
  // HQ as the owner of the tables: row level security hides every org from everybody else.
  const asOwner = { role: 'hq_ingest_writer' }
  return withClient(dxUrl, 'comparison', (dx) =>
    withClient(hqUrl, 'comparison', (hq) => compareDatasets(dx, hq, source), asOwner),
  )
}

const REFUSED = `
select key from hq_export.dead_letter
where dataset = $1 and resolved_at is null and key is not null`

async function refusedKeys(dx: pg.ClientBase, { name }: Dataset): Promise<Set<string>> {
  const { rows } = await dx.query<{ key: string }>(REFUSED, [name])
  return new Set(rows.map(({ key }) => key))
}

async function compareDatasets(
  dx: pg.Client,
  hq: pg.Client,
  source: string,
): Promise<DatasetComparison[]> {
  await prepareSession(dx)
  await prepareSession(hq)
  const comparisons: DatasetComparison[] = []
  for (const dataset of DATASETS) {
    const names = dataset.columns.map(({ name }) => name)
    const sourceRows = readRows(dataset, { client: dx, relation: sourceRelation(dataset) })
    const hqRows = readRows(dataset, hqSource(hq, dataset, source))
    const refused = await refusedKeys(dx, dataset)
    const compared = await mergeRows(names, sourceRows, hqRows, refused)
    comparisons.push({ dataset: dataset.name, ...compared })
  }
  return comparisons
}
