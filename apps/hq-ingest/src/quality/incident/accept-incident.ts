import type pg from 'pg'
import { recordAudit } from '../../db/record-audit.ts'
import { transact } from '../../db/transact.ts'
import { isOfTheUsual } from '../verdict.ts'

/** What became of accepting an incident. */
export type Accepting = 'accepted' | 'unknown' | 'accepted_before' | 'not_of_the_usual'

// Locks the incident: the gateway that judges waits, and then finds it closed.
const FIND = /* sql */ `
select accepted_at is not null as "isAccepted", evidence ->> 'rule' as rule, source, dataset,
       check_name as "check"
from ingest.incident where id = $1 for update`

const ACCEPT = /* sql */ `
update ingest.incident
set accepted_at = pg_catalog.clock_timestamp(), note = $2,
    accepted_by = coalesce($3, session_user),
    closed_at = coalesce(closed_at, pg_catalog.clock_timestamp())
where id = $1`

/**
 * Says that what an incident tells of is how it is from now on: it is closed, and what is usual to
 * its check is learnt from its begin on.
 * @param by undefined for the login role.
 */
export function acceptIncident(
  pool: pg.Pool,
  id: string,
  note: string,
  by: string | undefined,
): Promise<Accepting> {
  return transact(pool, async (client) => {
    const { rows } = await client.query<{
      isAccepted: boolean
      rule: string
      source: string
      dataset: string
      check: string
    }>(FIND, [id])
    const [found] = rows
    if (found === undefined) return 'unknown'
    const { isAccepted, rule, ...of } = found
    if (isAccepted) return 'accepted_before'
    if (!isOfTheUsual(rule)) return 'not_of_the_usual'
    await client.query(ACCEPT, [id, note, by ?? null])
    await recordAudit(client, {
      actor: by,
      action: 'incident.accept',
      subject: 'ingest.incident',
      detail: { id, note, ...of },
    })
    return 'accepted'
  })
}
