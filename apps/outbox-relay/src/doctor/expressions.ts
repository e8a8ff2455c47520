import { checkExpressions } from '../binding/check-expressions.ts'
import { type Check, fail, ok } from './finding.ts'

/**
 * Every expression of the binding is valid on the tables as they are now. A column that was renamed or dropped since makes
 * every capture of its dataset fail.
 */
export const expressions: Check = {
  name: 'expressions',
  async examine({ login, bound }) {
    const state = await bound()
    if (state === undefined) return []
    const { binding, sources } = state
    const present = binding.datasets.filter(({ table }) => sources.has(table))
    const problems = await checkExpressions(login, { ...binding, datasets: present })
    if (problems.length === 0) return ok('every expression is valid')
    return problems.map((problem) =>
      fail(
        `${problem}; captures of this dataset fail`,
        'correct the binding, run: npm run relay -- bind FILE, then: npm run relay -- dead-letters replay --reason capture_failed',
      ),
    )
  },
}
