import { type Dataset, datasetByName, isDatasetName } from '@hq-export/contract'
import type pg from 'pg'

/** A row of the warehouse, without its values. */
export interface RowState {
  /** Null where rows of the dataset have none. */
  readonly version: string | null
  readonly batch: string
  readonly ingestedAt: string
  readonly deletedAt: string | null
}

/**
 * What HQ has of a key now.
 * @returns undefined where it has nothing, or the key is none of the dataset's.
 */
export async function readRowState(
  client: pg.ClientBase,
  datasetName: string,
  key: string,
): Promise<RowState | undefined> {
  if (!isDatasetName(datasetName)) return undefined
  const dataset: Dataset = datasetByName(datasetName)
  const { name, primaryKey, versionColumn, columns } = dataset
  const parts = key.split('/')
  if (parts.length !== primaryKey.length) return undefined
  const typeOf = (column: string) => columns.find((known) => known.name === column)?.type ?? 'text'
  const conditions = primaryKey.map(
    (column, place) => `h.${column} = $${place + 1}::pg_catalog.${typeOf(column)}`,
  )
  try {
    const { rows } = await client.query<RowState>(
      `select ${versionColumn === undefined ? 'null' : `h.${versionColumn}::text`} as version,
         h._dx_batch as batch, pg_catalog.to_json(h._dx_ingested_at) #>> '{}' as "ingestedAt",
         pg_catalog.to_json(h._dx_deleted_at) #>> '{}' as "deletedAt"
       from hq.${name} as h where ${conditions.join(' and ')}`,
      parts,
    )
    return rows[0]
  } catch (error) {
    // The key is text of the source's: what is no value of the column's type is no row's.
    if (String((error as { code?: unknown }).code).startsWith('22')) return undefined
    throw error
  }
}
