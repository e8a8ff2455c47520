import { findHiddenTables } from '../../session/hidden-tables.ts'
import { type Check, fail, ok } from './finding.ts'

/**
 * The relay and the captures see every row of our own tables: what is hidden would be taken for
 * what is not there.
 */
export const hiddenRows: Check = {
  name: 'hidden-rows',
  async examine({ relay }) {
    const hidden = await findHiddenTables(await relay())
    if (hidden.length === 0) return ok('no row of ours is hidden')
    return hidden.map(({ found, todo }) => fail(found, todo))
  },
}
