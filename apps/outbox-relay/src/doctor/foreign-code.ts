import { findForeignCode } from '../binding/foreign-code.ts'
import { type Check, fail, ok } from './finding.ts'
import { migrations } from './migrations.ts'

/** What `bind` creates anew; the rest is the migrations'. */
const OF_BIND = /^(?:rule|view|trigger|function hq_export\.(?:row|capture)_)/

/** Nothing of ours runs an operator, a function or a cast that is neither PostgreSQL's, nor ours, nor named by the binding. */
export const foreignCode: Check = {
  name: 'foreign-code',
  async examine(examination) {
    const state = await examination.bound()
    const found = await findForeignCode(examination.login, state?.binding)
    if (found.length === 0) return ok('everything installed depends on PostgreSQL and on us alone')
    const lacks = [await migrations.examine(examination)].flat().some((one) => one.state !== 'ok')
    const bind = state?.bindCommand ?? 'npm run relay -- bind NAME'
    const migrate = lacks
      ? 'run: npm run relay -- migrate'
      : `somebody has replaced it: apply uninstall.sql, then run: npm run relay -- migrate, and: ${bind}`
    return found.map((sentence) =>
      fail(sentence, OF_BIND.test(sentence) ? `run: ${bind}` : migrate),
    )
  },
}
