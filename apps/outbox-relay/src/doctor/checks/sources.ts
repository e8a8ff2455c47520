import { type Check, fail, ok } from './finding.ts'

/**
 * Bound tables exist, have their key, and their owners see every row of them (row level security,
 * rights).
 */
export const sources: Check = {
  name: 'sources',
  async examine({ bound }) {
    const state = await bound()
    if (state === undefined)
      return fail('nothing is bound, so nothing is captured', 'run: npm run relay -- bind NAME')
    if (state.problems.length === 0)
      return ok(`${state.sources.size} tables as the binding expects`)
    return state.problems.map((problem) => fail(problem, `mend it, then run: ${state.bindCommand}`))
  },
}
