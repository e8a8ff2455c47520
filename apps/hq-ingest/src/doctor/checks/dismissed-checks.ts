import { ok, warn } from '@hq-export/runtime/doctor/finding.ts'
import { describeDismissed, listDismissed } from '../../quality/incident/list-dismissed.ts'
import type { Check } from './finding.ts'

/** No check of quality alarms again and again of what is no fault: nobody would read that. */
export const dismissedChecks: Check = {
  name: 'dismissed-checks',
  async examine({ writer }) {
    const dismissed = await listDismissed(await writer())
    if (dismissed.length === 0) return ok('none was dismissed three times')
    return dismissed.map((each) => {
      const { found, todo } = describeDismissed(each)
      return warn(found, todo)
    })
  },
}
