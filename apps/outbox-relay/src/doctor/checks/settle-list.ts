import { readPreviousBindings } from '../../binding/install/previous-binding.ts'
import { readSettling } from '../../status/read-settling.ts'
import { type Check, fail, ok, warn } from './finding.ts'

const WARN_SECONDS = 60
const FAIL_SECONDS = 900

/** Rows that settle are on the settle list, and leave it when they are due. */
export const settleList: Check = {
  name: 'settle-list',
  async examine({ login, relay, bound }) {
    const unnoted = (await readPreviousBindings(login)).filter(
      ({ notingSince }) => notingSince !== null,
    )
    if (unnoted.length > 0) {
      const names = unnoted.map(({ dataset }) => dataset).join(', ')
      return warn(
        `${names}: bind was interrupted before rows of the last moments before it were on the ` +
          'list: they are not exported',
        `run, as the role that binds: ${(await bound())?.bindCommand}`,
      )
    }
    const settling = await readSettling(await relay())
    const rows = settling.reduce((sum, { settling_rows }) => sum + settling_rows, 0)
    const overdue = Math.max(0, ...settling.map(({ overdue_s }) => overdue_s ?? 0))
    const found = `${rows} rows settle, the first has been due for ${overdue.toFixed(0)} s`
    const todo =
      "start a relay; if one works, see its log, and end the transactions that wrote the rows' " +
      'children and stay open'
    if (overdue >= FAIL_SECONDS) return fail(found, todo)
    if (overdue >= WARN_SECONDS) return warn(found, todo)
    return ok(found)
  },
}
