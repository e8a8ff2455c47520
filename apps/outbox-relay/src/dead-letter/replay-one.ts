import type pg from 'pg'
import type { Binding } from '../binding/binding-schema.ts'
import { MAX_RAW_BYTES } from '../outbox/row-size.ts'
import { ring } from '../reexport/insert-export-row.ts'
import { planReplay } from './plan-replay.ts'
import type { ReplayableLetter, ReplayPlan } from './replay-plan.ts'
import { sendAgain } from './send-again.ts'

// A body that was kept before its size was tested, and is beyond all use, counts as none.
// The relay that refuses the same row at this moment waits for us or we for it, one letter long.
const LOCK = /* sql */ `
select d.id::text as id, d.dataset, d.key, d.reason, d.deleted, d.traceparent,
       case when pg_catalog.octet_length(d.body) <= ${MAX_RAW_BYTES} then d.body end as body,
       d.xid::text as xid
from hq_export.dead_letter d
where d.id = $1::bigint
for update`

// now() is the start of the transaction, so what it captured is later: should HQ refuse that, the
// letter opens again.
const RESOLVE = /* sql */ `
update hq_export.dead_letter d
set resolved_at = pg_catalog.now(), resolution = $2, replay_count = d.replay_count + $3,
    note = coalesce($4, d.note),
    resent_xid = case when $3 > 0 then pg_catalog.pg_current_xact_id() else d.resent_xid end,
    resolved_xid = pg_catalog.pg_current_xact_id(),
    resolved_system = (pg_catalog.pg_control_system()).system_identifier
where d.id = $1::bigint`

/**
 * Sends the row of one letter again and settles the letter, in the open transaction; or only says
 * what it would do.
 * @param options.note who did, where it was no operator.
 */
export async function replayOne(
  client: pg.ClientBase,
  id: string,
  binding: Binding | undefined,
  options: { readonly isDryRun?: boolean; readonly note?: string } = {},
): Promise<ReplayPlan> {
  const letter = (await client.query<ReplayableLetter>(LOCK, [id])).rows[0]
  if (letter === undefined) return { kind: 'refused', why: 'it is no longer there' }
  const plan = await planReplay(client, letter, binding)
  if (options.isDryRun || plan.kind === 'refused') return plan
  if (plan.kind === 'gone') {
    await client.query(RESOLVE, [id, 'gone', 0, null])
    return plan
  }
  await sendAgain(client, plan, letter, binding)
  await client.query(RESOLVE, [id, 'replayed', 1, options.note ?? null])
  await ring(client)
  return plan
}
