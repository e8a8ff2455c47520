import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { beginCounting } from '../outbox/count-captured.ts'
import { EMPTY_SNAPSHOT } from '../outbox/tick.ts'
import { adoptRows } from './adopt-rows.ts'

/*
 * Epoch = <system_identifier>.<incarnation>. The incarnation stands in an UNLOGGED table, which
 * recovery empties. Recovery is exactly what can undo a row that was visible (synchronous_commit =
 * off) and hand out its xid and seq again, so in a new epoch everything that the outbox retains is
 * sent once more; HQ's keys make that harmless (I3).
 */

const READ_EPOCH = /* sql */ `
select c.system_identifier::text as system_identifier, i.id::text as incarnation
from pg_catalog.pg_control_system() c
left join hq_export.incarnation i on true`

const LAST_ACK = /* sql */ `
select epoch, acked::text as acked from hq_export.ack order by id desc limit 1`

const BEGIN_INCARNATION = /* sql */ `
insert into hq_export.incarnation default values returning id::text as incarnation`

const RESET_ACK = /* sql */ `insert into hq_export.ack (epoch, acked) values ($1, $2)`

// Serialises two relays that find a new epoch at once. A row that only a relay may lock: an
// advisory lock is anybody's to take.
const LOCK_EPOCH = /* sql */ `select from hq_export.advisory_lock where name = 'epoch' for update`

/** What {@link establishEpoch} found. */
export interface EstablishedEpoch {
  readonly epoch: string
  /** True when everything retained is to be sent again. */
  readonly isNew: boolean
}

/**
 * Names this life of the server, and starts a new one where recovery, promotion or a restore has
 * happened since the last ack: before any tick or rotation.
 * @param isNumberedTwice the outbox may hold two rows of one `seq`: they are numbered anew, and
 * everything retained is sent again.
 */
export async function establishEpoch(
  client: pg.ClientBase,
  isNumberedTwice = false,
): Promise<EstablishedEpoch> {
  const established = await transact(client, async () => {
    await client.query(LOCK_EPOCH)
    const found = (
      await client.query<{ system_identifier: string; incarnation: string | null }>(READ_EPOCH)
    ).rows[0]
    if (found === undefined) throw new Error('pg_control_system() returned no row')
    const last = (await client.query<{ epoch: string; acked: string }>(LAST_ACK)).rows[0]

    let { incarnation } = found
    if (incarnation === null) {
      const begun = await client.query<{ incarnation: string }>(BEGIN_INCARNATION)
      incarnation = begun.rows[0]?.incarnation ?? null
    }
    const epoch = `${found.system_identifier}.${incarnation}`
    const isNew = isNumberedTwice || epoch !== last?.epoch
    await beginCounting(client, epoch, { isNew, acked: last?.acked })
    if (isNew) await client.query(RESET_ACK, [epoch, EMPTY_SNAPSHOT])
    return { epoch, isNew }
  })
  await adoptRows(client, isNumberedTwice)
  return established
}
