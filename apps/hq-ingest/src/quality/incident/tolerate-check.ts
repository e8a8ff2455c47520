import type pg from 'pg'
import { recordAudit } from '../../db/record-audit.ts'
import { transact } from '../../db/transact.ts'
import { isOfTheUsual } from '../verdict.ts'

/** What became of changing a check. */
export type Tolerating = 'tolerated' | 'unknown' | 'not_of_the_usual'

const FIND = /* sql */ `
select evidence ->> 'rule' as rule, source, dataset, check_name as "check"
from ingest.incident where id = $1`

// Locks the row of the check; who judges reads it as it was before.
const CHANGE = /* sql */ `
insert into ingest.quality_tolerance as t (source, dataset, check_name, size, note, changed_by)
values ($1, $2, $3, $4, $5, coalesce($6, session_user))
on conflict (source, dataset, check_name) do update
set size = excluded.size, note = excluded.note, changed_by = excluded.changed_by,
    changed_at = excluded.changed_at`

/**
 * Says how much the check of an incident may find from now on without failing. It judges on, and
 * fails above that; what it has found is dismissed no more often than before.
 * @param size a share, or a number where the check has none; 0 as it is declared.
 * @param by undefined for the login role.
 */
export function tolerateCheck(
  pool: pg.Pool,
  id: string,
  size: number,
  note: string,
  by: string | undefined,
): Promise<Tolerating> {
  return transact(pool, async (client) => {
    const { rows } = await client.query<{
      rule: string
      source: string
      dataset: string
      check: string
    }>(FIND, [id])
    const [found] = rows
    if (found === undefined) return 'unknown'
    const { rule, ...of } = found
    if (!isOfTheUsual(rule)) return 'not_of_the_usual'
    const { source, dataset, check } = of
    await client.query(CHANGE, [source, dataset, check, size, note, by ?? null])
    await recordAudit(client, {
      actor: by,
      action: 'check.tolerate',
      subject: 'ingest.quality_tolerance',
      detail: { id, size, note, ...of },
    })
    return 'tolerated'
  })
}
