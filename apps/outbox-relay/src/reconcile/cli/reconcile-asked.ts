import type { RelayConfig } from '../../process/config.ts'
import type { ReconcileContext, ReconcileRequest } from '../reconcile-context.ts'
import { createHqPool } from '../record/hq-pool.ts'
import type { ReconciliationRecord } from '../record/reconciliation-record.ts'
import { runRecorded } from '../record/run-recorded.ts'

/** Runs what a command asks for, on sessions and connections of its own. */
export async function reconcileAsked(
  { databaseUrl, ingestUrl, signingKeys, source }: RelayConfig,
  given: Pick<ReconcileContext, 'log' | 'stopping' | 'onProgress'>,
  request: ReconcileRequest,
): Promise<ReconciliationRecord> {
  const pool = createHqPool(ingestUrl)
  try {
    return await runRecorded({ ...given, databaseUrl, pool, keys: signingKeys, source }, request)
  } finally {
    await pool.destroy()
  }
}
