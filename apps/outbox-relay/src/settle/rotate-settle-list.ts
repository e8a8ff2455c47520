import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { hasSqlstate, LOCK_NOT_AVAILABLE } from '../session/sqlstate.ts'
import { IS_SETTLED } from './read-pending.ts'

const STATE = /* sql */ `
select coalesce(pg_catalog.pg_sequence_last_value('hq_export.current_settle'), 0)::int as current,
  exists (select from hq_export.settle_0) as used_0,
  exists (select from hq_export.settle_1) as used_1`

/**
 * Turns the two tables of the settle list: empties the one that writers do not fill, then lets them
 * fill it. Truncated only if every key in it is settled by the newest mark, proven under SHARE:
 * whoever writes there read the old number, an instant ago. Captures read the list too, and must
 * not wait for the proof, which takes as long as the table is large; so ACCESS EXCLUSIVE comes
 * after it. Neither lock is waited for: a writer, or a reader of the view, holds one and ends the
 * attempt.
 *
 * TRUNCATE is seen by old snapshots too. A transaction that has read a view holds a lock that stops
 * it; one that reads a view for the first time under a snapshot of minutes ago may find a row whose
 * key was pending then. Views are read in READ COMMITTED.
 */
export async function rotateSettleList(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ current: number; used_0: boolean; used_1: boolean }>(STATE)
  const [state] = rows
  if (state === undefined || !(state.used_0 || state.used_1)) return false
  const other = 1 - state.current
  try {
    const isSettled = await transact(client, async () => {
      await client.query('set local synchronous_commit = local')
      await client.query(`lock table hq_export.settle_${other} in share mode nowait`)
      const { rows: unsettled } = await client.query<{ found: boolean }>(
        `select exists (
         select from hq_export.settle_${other} p
         where not coalesce((select ${IS_SETTLED} from hq_export.settled m order by m.id desc
           limit 1), false)
       ) as found`,
      )
      const isEmptied = unsettled[0]?.found === false
      if (isEmptied) {
        await client.query(`lock table hq_export.settle_${other} in access exclusive mode nowait`)
        await client.query(`truncate hq_export.settle_${other}`)
      }
      return isEmptied
    })
    if (isSettled)
      await client.query(`select pg_catalog.setval('hq_export.current_settle', $1)`, [other])
    return isSettled
  } catch (error) {
    if (hasSqlstate(error, LOCK_NOT_AVAILABLE)) return false
    throw error
  }
}
