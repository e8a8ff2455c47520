import { type ForeignCode, findForeignCode } from '../../binding/inspect/foreign-code.ts'
import { type Check, type Examination, fail, ok } from './finding.ts'
import { migrations } from './migrations.ts'

/** What `bind` creates anew. */
const OF_BIND = /^(?:rule |view |trigger "?hq_export_|function hq_export\."?(?:row|capture)_)/

async function remedyOf({ object, fault }: ForeignCode, examination: Examination): Promise<string> {
  const bindCommand = (await examination.bound())?.bindCommand ?? 'npm run relay -- bind NAME'
  if (OF_BIND.test(object)) return `run: ${bindCommand}`
  if (fault.endsWith('search_path'))
    return `run: alter ${object} set search_path = pg_catalog, pg_temp`
  // Somebody else's on a table of ours.
  if (/^(?:trigger|policy) /.test(object)) return `run: drop ${object}`
  const lacks = [await migrations.examine(examination)].flat().some(({ state }) => state !== 'ok')
  return lacks
    ? 'run: npm run relay -- migrate'
    : 'it is not as we created it: apply uninstall.sql, then run: npm run relay -- migrate, ' +
        `and: ${bindCommand}`
}

/**
 * Nothing of ours runs an operator, a function or a cast that is neither PostgreSQL's, nor ours,
 * nor named by the binding.
 */
export const foreignCode: Check = {
  name: 'foreign-code',
  async examine(examination) {
    const { login, bound } = examination
    const found = await findForeignCode(login, (await bound())?.binding)
    if (found.length === 0) return ok('everything installed depends on PostgreSQL and on us alone')
    return Promise.all(
      found.map(async (code) =>
        fail(`${code.object} ${code.fault}`, await remedyOf(code, examination)),
      ),
    )
  },
}
