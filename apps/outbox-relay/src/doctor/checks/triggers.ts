import { readInstalled } from '../../binding/install/installed.ts'
import { type Check, fail, ok } from './finding.ts'

/** Every bound table and every partition below it has its capture triggers, enabled. */
export const triggers: Check = {
  name: 'triggers',
  async examine({ login, bound }) {
    const state = await bound()
    if (state?.sql === undefined) return []
    const { triggers: installed } = await readInstalled(login)
    const enabled = new Map(
      installed.map(({ relation, name, enabled }) => [`${relation} ${name}`, enabled]),
    )
    const wanted = state.sql.triggers.map(({ relation, name }) => ({ relation, name }))
    const broken = wanted.filter(({ relation, name }) => !enabled.get(`${relation} ${name}`))
    if (broken.length === 0) return ok(`${wanted.length} triggers, all enabled`)
    const tables = Map.groupBy(broken, ({ relation }) => relation)
    return [...tables].map(([relation, names]) => {
      const list = names.map(({ name }) =>
        enabled.has(`${relation} ${name}`)
          ? `${name} (disabled, or not always enabled)`
          : `${name} (missing)`,
      )
      return fail(
        `${relation}: ${list.join(', ')}; its changes are not captured`,
        `run: ${state.bindCommand}, then backfill what was written meanwhile`,
      )
    })
  },
}
