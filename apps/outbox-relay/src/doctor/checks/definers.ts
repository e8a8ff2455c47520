import { inspectFunctions } from '../../binding/inspect/inspect-functions.ts'
import { type Check, fail, ok } from './finding.ts'

/**
 * Capture functions run as the owner of their table, with a pinned search path, and nobody else may
 * call them.
 */
export const definers: Check = {
  name: 'definers',
  async examine({ login, bound }) {
    const state = await bound()
    if (state?.sql === undefined) return []
    const { count, faults } = await inspectFunctions(login, state.sql, state.sources)
    if (faults.length === 0) return ok(`${count} functions`)
    return faults.map((fault) => fail(fault, `run: ${state.bindCommand}`))
  },
}
