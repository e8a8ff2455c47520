import { readReconciliation } from '../../status/read-reconciliation.ts'
import { type Check, ok, warn } from './finding.ts'

const OVERDUE_S = 36 * 3_600

/** The last comparison with HQ found both sides equal, and is not long ago. */
export const reconciliation: Check = {
  name: 'reconciliation',
  async examine({ relay }) {
    const { state, last_reason, decided_age_s } = await readReconciliation(await relay())
    const again = 'npm run relay -- reconcile'
    switch (state) {
      case null:
        return decided_age_s > OVERDUE_S
          ? warn('nothing was compared yet', again)
          : ok('nothing was compared yet; a relay does so daily')
      case 'different':
        return warn('keys differ between both sides', `${again} list, then show RUN`)
      case 'undecided':
        return warn(`the last could not be decided: ${last_reason ?? 'see the run'}`, again)
      case 'repaired':
        return ok('what differed was sent once more; a later reading proves it')
      case 'equal':
        return decided_age_s > OVERDUE_S
          ? warn('equal, and that is long ago', again)
          : ok('both sides are equal')
      default:
        return state satisfies never
    }
  },
}
