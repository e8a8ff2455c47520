import { fail, ok } from '@hq-export/runtime/doctor/finding.ts'
import { findForeignCode } from '../../db/foreign-code.ts'
import type { Check } from './finding.ts'

/** Nothing in our schemas runs code that is neither PostgreSQL's nor ours. */
export const foreignCode: Check = {
  name: 'foreign-code',
  async examine({ login }) {
    const found = await findForeignCode(login)
    if (found.length === 0) return ok('everything depends on PostgreSQL and on us alone')
    return found.map((sentence) => fail(sentence, 'drop it, or the object that runs it'))
  },
}
