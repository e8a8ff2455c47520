import { completeHistoriesWithTriggers } from '../../binding/install/drop-history-triggers.ts'
import { findPrevious, readPreviousBindings } from '../../binding/install/previous-binding.ts'
import { type Check, ok, warn } from './finding.ts'

/**
 * Every version of an entity that was current when it was bound is exported, and no trigger waits
 * for that any more.
 */
export const histories: Check = {
  name: 'histories',
  async examine({ login, bound }) {
    const state = await bound()
    if (state === undefined) return []
    const { binding, bindCommand } = state
    const known = await readPreviousBindings(login)
    const entities = binding.datasets.filter(({ snapshot }) => snapshot !== undefined)
    const incomplete = entities.filter(
      (entity) => findPrevious(known, entity)?.historyCompleteAt == null,
    )
    const unclosed = await completeHistoriesWithTriggers(login)
    const findings = [
      ...incomplete.map(({ dataset }) =>
        warn(
          `${dataset}: what was there when it was bound is not all in dx_entity_snapshots_v1; ` +
            'what is replaced meanwhile is kept, which costs every update and delete',
          `run: npm run relay -- backfill --dataset ${dataset}`,
        ),
      ),
      ...unclosed.map((dataset) =>
        warn(
          `${dataset}: its history is complete, and the triggers that kept replaced ` +
            'versions are still there',
          `run, as the role that binds: ${bindCommand}`,
        ),
      ),
    ]
    return findings.length > 0 ? findings : ok(`${entities.length} complete`)
  },
}
