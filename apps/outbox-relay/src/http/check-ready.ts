import { READY_PATH } from '@hq-export/contract'
import type { Pool } from 'undici'

const ASK_TIMEOUT_MS = 5_000

/** Whether HQ says that it can do its work now; false where it does not answer. */
export async function checkReady(pool: Pool, aborting: AbortSignal): Promise<boolean> {
  try {
    const signal = AbortSignal.any([aborting, AbortSignal.timeout(ASK_TIMEOUT_MS)])
    const { statusCode, body } = await pool.request({ method: 'GET', path: READY_PATH, signal })
    await body.dump()
    return statusCode === 200
  } catch {
    return false // no answer is the answer
  }
}
