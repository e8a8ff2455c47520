import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import type { Logger } from '../process/log.ts'
import { STANDBY_RETRY_MS, STRANGERS_NOTICE, tryLead } from './lead.ts'

/**
 * Stands by until this session leads.
 * @param stopping ends the wait.
 * @param onStandby called once if another relay leads.
 * @returns the key under which it leads; undefined if `stopping` came first.
 */
export async function waitForLead(
  leader: pg.ClientBase,
  log: Logger,
  stopping: AbortSignal,
  onStandby: () => void,
): Promise<string | undefined> {
  for (let attempt = 1; !stopping.aborted; attempt++) {
    const { key, strangers } = await tryLead(leader)
    if (strangers.length > 0) log.warn({ pids: strangers }, STRANGERS_NOTICE)
    if (key !== undefined) return key
    if (attempt === 1) {
      log.info('another relay works; standing by')
      onStandby()
    }
    await pause(STANDBY_RETRY_MS, stopping)
  }
  return undefined
}
