import { type Dataset, datasetByName, isDatasetName } from '@hq-export/contract'
import type pg from 'pg'
import { type HqRow, readOwnColumns } from '../row/read-hq-row.ts'

/** A row of the warehouse, without its values; the version null where rows of the dataset have none. */
export type RowState = Pick<HqRow, 'version' | 'batch' | 'ingestedAt' | 'deletedAt'>

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
  if (key.split('/').length !== dataset.primaryKey.length) return undefined
  try {
    const row = await readOwnColumns(client, dataset, key)
    return row && { ...row, version: dataset.versionColumn === undefined ? null : row.version }
  } catch (error) {
    // The key is text of the source's: what is no value of the column's type is no row's.
    if (String((error as { code?: unknown }).code).startsWith('22')) return undefined
    throw error
  }
}
