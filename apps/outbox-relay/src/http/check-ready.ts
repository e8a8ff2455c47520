import { READY_PATH } from '@hq-export/contract'
import type { Pool } from 'undici'
import { exchange } from './exchange.ts'

const ASK_TIMEOUT_MS = 5_000

/** Whether HQ says that it can do its work now; false where it does not answer. */
export async function checkReady(pool: Pool, aborting: AbortSignal): Promise<boolean> {
  try {
    const signal = AbortSignal.any([aborting, AbortSignal.timeout(ASK_TIMEOUT_MS)])
    const { status } = await exchange(pool, { method: 'GET', path: READY_PATH, signal })
    return status === 200
  } catch {
    return false // no answer is the answer
  }
}
