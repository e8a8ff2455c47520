import { readInstalled } from '../../binding/install/installed.ts'
import { type Check, fail, ok, warn } from './finding.ts'

/**
 * The installed views and functions are there, and are those that this build generates for the
 * tables as they are now.
 */
export const generatedSql: Check = {
  name: 'generated-sql',
  async examine({ login, bound }) {
    const state = await bound()
    if (state?.sql === undefined) return []
    const { bindCommand, sql } = state
    const { views, functions, fingerprints } = await readInstalled(login)
    const quoted = (name: string) => name.replace(/^hq_export\./, '"hq_export".')
    const missing = [
      ...sql.views.map(({ name }) => name).filter((name) => !views.includes(name)),
      ...sql.functions.map(({ name }) => name).filter((name) => !functions.includes(quoted(name))),
    ]
    const bind = `run: ${bindCommand}`
    if (missing.length > 0) return fail(`missing: ${missing.join(', ')}`, bind)
    if (fingerprints.length === 1 && fingerprints[0] === sql.fingerprint)
      return ok(`${views.length} views and ${functions.length} functions as generated`)
    return warn(
      'what is installed was generated for other columns, partitions or owners, or by another build',
      bind,
    )
  },
}
