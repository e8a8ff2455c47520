import type { Dataset } from '@hq-export/contract'
import { SNAPSHOTS_DATASET } from '@hq-export/outbox-relay/binding/binding-schema.ts'
import type { Reading } from '../../db/side.ts'
import type { PageRequest } from '../../page/screen.ts'
import { type AtSource, readAtSource } from './read-at-source.ts'
import { type InHq, readEntityOf, readHqRow } from './read-hq-row.ts'
import { type InLedgers, readLedgers } from './read-ledgers.ts'
import type { SnapshotEntity } from './read-source-version.ts'

/** What was read of a row, of each side. */
export interface RowReadings {
  readonly dataset: Dataset
  readonly key: string
  readonly dx: Reading<AtSource>
  readonly rows: Reading<InHq>
  readonly ledgers: Reading<InLedgers>
  /** Of a snapshot that HQ has. */
  readonly entity: SnapshotEntity | undefined
}

/** Reads what both sides know of a row, at the same time. */
export async function readRow(
  { hq, hqRows, dx }: PageRequest,
  dataset: Dataset,
  key: string,
): Promise<RowReadings> {
  const isSnapshot = dataset.name === SNAPSHOTS_DATASET
  const readEntity = isSnapshot ? hqRows.read((client) => readEntityOf(client, key)) : undefined
  const readRows = hqRows.read((client) => readHqRow(client, dataset, key))
  const readRefused = hq.read((client) => readLedgers(client, dataset, key))
  const readDx = async () => {
    const found = await readEntity
    const entity = found?.state === 'read' ? found.value : undefined
    return { entity, dx: await dx.read((client) => readAtSource(client, dataset, key, entity)) }
  }
  const [rows, ledgers, source] = await Promise.all([readRows, readRefused, readDx()])
  return { dataset, key, rows, ledgers, ...source }
}
