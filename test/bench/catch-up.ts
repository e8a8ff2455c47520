import type pg from 'pg'
import { pollUntil } from './measure/poll-until.ts'
import { isAcked, markEnd } from './programs/outbox.ts'
import type { Pipeline } from './programs/pipeline.ts'

const TIMEOUT_MS = 300_000
const POLL_MS = 10

// A window without rows is not acked: with this row there is one.
const CHANGE_ONE_COMPANY = /* sql */ `
update entities.company_entities set record_version = record_version + 1
where (org_id, entity_id) = (select org_id, entity_id from entities.company_entities limit 1)`

/**
 * Waits until a working pipeline has delivered all that is committed.
 * @returns how long that took, in ms.
 */
export async function catchUp(
  dx: pg.ClientBase,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<number> {
  const since = performance.now()
  const end = await markEnd(dx)
  await dx.query(CHANGE_ONE_COMPANY)
  await pollUntil({
    what: 'the relay to catch up',
    everyMs: POLL_MS,
    timeoutMs: TIMEOUT_MS,
    signal,
    probe: async () => {
      pipeline.assertWell()
      return (await isAcked(dx, end)) || undefined
    },
  })
  return performance.now() - since
}
