import { fail, ok } from '@hq-export/runtime/doctor/finding.ts'
import { findHiddenTables } from '../../db/hidden-tables.ts'
import type { Check } from './finding.ts'

/** The gateway sees every row of its own tables: a batch that is hidden would be a new one. */
export const hiddenRows: Check = {
  name: 'hidden-rows',
  async examine({ writer }) {
    const hidden = await findHiddenTables(await writer())
    if (hidden.length === 0) return ok('no row of ours is hidden')
    return hidden.map(({ found, todo }) => fail(found, todo))
  },
}
