import { listBackfills } from '../../backfill/backfill-record.ts'
import { isExecuting } from '../../backfill/execution-lock.ts'
import { hasLeader } from '../../session/lead.ts'
import { isUnfinished } from '../../status/read-backfills.ts'
import { type Check, ok, warn } from './finding.ts'

/** No backfill is left unfinished without somebody who works on it. */
export const backfills: Check = {
  name: 'backfills',
  async examine({ relay }) {
    const client = await relay()
    const unfinished = (await listBackfills(client)).filter(isUnfinished)
    // A relay that leads takes it up within a second.
    const isWorkedOn = (await hasLeader(client)) || (await isExecuting(client))
    const left = unfinished.filter(
      ({ state, reason }) => state !== 'running' || reason !== null || !isWorkedOn,
    )
    if (left.length === 0) return ok(`${unfinished.length} under way`)
    return left.map(({ id, state, reason, selection }) => {
      const why = reason ?? (state === 'running' ? 'nobody works on it' : 'nobody resumed it')
      return warn(
        `backfill ${id} of ${selection.dataset ?? 'all datasets'} is ${state}: ${why}`,
        `npm run relay -- backfill resume ${id}, or cancel ${id}`,
      )
    })
  },
}
