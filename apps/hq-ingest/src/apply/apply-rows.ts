import { datasetByName, HEARTBEAT_DATASET } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import type pg from 'pg'
import { type Applied, nothingApplied, type Origin } from './applied.ts'
import { appendPrepared, applyAppend } from './apply-append.ts'
import { applyHeartbeat } from './apply-heartbeat.ts'
import { applyUpsert, upsertPrepared } from './apply-upsert.ts'
import type { AcceptedRow } from './batch-row.ts'
import type { PreparedRows } from './prepared-rows.ts'
import { versioned } from './upsert-rows.ts'

/** By key, which is the order in which locks are taken; within a key as sent. */
export function inKeyOrder(rows: readonly AcceptedRow[]): AcceptedRow[] {
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
  const withVersions = versioned(dataset)
  return withVersions === undefined
    ? applyAppend(client, dataset, rows, origin)
    : applyUpsert(client, withVersions, rows, origin)
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

/**
 * {@link applyRows} of rows that are prepared, with the same outcomes.
 * @param readAccepted the same rows one by one; asked for where they do not all simply pass.
 */
export async function applyPrepared(
  client: pg.PoolClient,
  datasetName: string,
  prepared: PreparedRows,
  readAccepted: () => Promise<readonly AcceptedRow[]>,
  origin: Origin,
): Promise<Applied> {
  const dataset = datasetByName(datasetName)
  const withVersions = versioned(dataset)
  const readRows = async () => inKeyOrder(await readAccepted())
  return inStep('apply', () =>
    withVersions === undefined
      ? appendPrepared(client, dataset, prepared, readRows, origin)
      : upsertPrepared(client, withVersions, prepared, readRows, origin),
  )
}
