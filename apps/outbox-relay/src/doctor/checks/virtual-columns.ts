import { checkExpressions } from '../../binding/inspect/check-expressions.ts'
import { refuseVirtualColumns } from '../../binding/inspect/refuse-virtual-columns.ts'
import { BindingError } from '../../binding/load-binding.ts'
import { type Check, fail, ok } from './finding.ts'

/** No exported column is a virtual generated one, which a trigger sees as NULL. */
export const virtualColumns: Check = {
  name: 'virtual-columns',
  async examine({ login, bound }) {
    const state = await bound()
    // An expression that is not valid any more is the finding of another check.
    if (state === undefined || (await checkExpressions(login, state.binding)).length > 0) return []
    try {
      await refuseVirtualColumns(login, state.binding, state.sources)
    } catch (error) {
      if (!(error instanceof BindingError)) throw error
      return error.problems.map((problem) =>
        fail(problem, 'bind the expression of the column, or make it STORED'),
      )
    }
    return ok('none is exported')
  },
}
