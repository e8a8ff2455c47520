import { datasetByName, HEARTBEAT_DATASET } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import type pg from 'pg'
import { type Applied, nothingApplied, type Origin } from './applied.ts'
import { applyAppend } from './apply-append.ts'
import { applyHeartbeat } from './apply-heartbeat.ts'
import { applyUpsert } from './apply-upsert.ts'
import type { AcceptedRow } from './batch-row.ts'

/** By key, which is the order in which locks are taken; within a key as sent. */
function inKeyOrder(rows: readonly AcceptedRow[]): AcceptedRow[] {
  return rows.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index))
}

function applyInKeyOrder(
  client: pg.PoolClient,
  datasetName: string,
  rows: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  if (datasetName === HEARTBEAT_DATASET) return applyHeartbeat(client, rows, origin)
  const dataset = datasetByName(datasetName)
  const { versionColumn } = dataset
  return versionColumn === undefined
    ? applyAppend(client, dataset, rows, origin)
    : applyUpsert(client, { ...dataset, versionColumn }, rows, origin)
}

/**
 * Writes the accepted rows of a batch as its dataset wants it, inside the transaction that `client`
 * has open.
 * @throws errors of PostgreSQL that are no row's fault.
 */
export async function applyRows(
  client: pg.PoolClient,
  datasetName: string,
  accepted: readonly AcceptedRow[],
  origin: Origin,
): Promise<Applied> {
  if (accepted.length === 0) return nothingApplied()
  const rows = inKeyOrder(accepted)
  return inStep('apply', () => applyInKeyOrder(client, datasetName, rows, origin))
}
