import {
  checkExpressions,
  type ExpressionProblem,
} from '../../binding/inspect/check-expressions.ts'
import { type Check, type Finding, fail, ok } from './finding.ts'

function findingOf({ kind, text, todo }: ExpressionProblem): Finding {
  switch (kind) {
    case 'refused':
      return fail(
        `${text}; captures of this dataset fail`,
        'correct the binding, run: npm run relay -- bind FILE, then: ' +
          'npm run relay -- dead-letters replay --reason capture_failed',
      )
    case 'unnamed':
      return fail(text, `${todo}, then run: npm run relay -- bind FILE`)
    case 'heir':
      return fail(text, todo)
  }
}

/**
 * Every expression of the binding is valid on the tables as they are now. A column that was renamed
 * or dropped since makes every capture of its dataset fail.
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
    // One table is one cause, however many expressions it shows in.
    const causes = Map.groupBy(problems, ({ kind, text, todo }) => (kind === 'heir' ? todo : text))
    return [...causes.values()].map(([problem]) => findingOf(problem as ExpressionProblem))
  },
}
