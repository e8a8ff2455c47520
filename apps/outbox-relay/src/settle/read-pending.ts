import type pg from 'pg'
import { isSettledSql } from '../binding/projection/settled-sql.ts'

/** What of the settle list is not exported yet. */
export interface Pending {
  /**
   * Number of the last key that one step exports: the step stays bounded. Null where nothing is
   * due.
   */
  readonly lastNumber: string | null
}

/** By the mark `m`. */
export const IS_SETTLED = isSettledSql('m')

// Both tables whole: they hold what came within the delay and two periods of rotation.
const READ_PENDING = /* sql */ `
with pending as (
  select p.number
  from (select m.number, m.seen from hq_export.settled m order by m.id desc limit 1) m
  cross join hq_export.settle p
  where not ${IS_SETTLED}
)
select max(d.number)::text as "lastNumber"
from (select number from pending where number <= $2 order by number limit $1) d`

/**
 * Looks at the settle list.
 * @param maxKeys how many keys one step may export.
 * @param dueNumber keys up to this number have waited for long enough.
 */
export async function readPending(
  client: pg.ClientBase,
  maxKeys: number,
  dueNumber: bigint,
): Promise<Pending> {
  const { rows } = await client.query<Pending>({
    name: 'settle-pending',
    text: READ_PENDING,
    values: [maxKeys, dueNumber],
  })
  const [pending] = rows
  if (pending === undefined) throw new Error('the settle list has a state')
  return pending
}
