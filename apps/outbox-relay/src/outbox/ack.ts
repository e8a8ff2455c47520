import type pg from 'pg'
import type { Snapshot } from './tick.ts'

/** "Everything visible in `acked` is settled." */
export interface Ack {
  readonly id: string
  readonly acked: Snapshot
}

// Ordered by the column: a bare `id` would name the text of the select list, and '999' sorts after
// '1000'.
const READ_ACK = /* sql */ `
select a.id::text as id, a.acked::text as acked
from hq_export.ack a
where a.epoch = $1
order by a.id desc limit 1`

// Fenced: an ack extends the one that its window started from. A relay that was overtaken inserts
// nothing and reads where the other one is. Of two relays that pass the check at the same moment,
// which both settled what they ack, one wins. The disk is not waited for: a lost ack costs a resend,
// and a rotation that relies on one comes after it in the WAL. And a flush that is under way would
// make the next tick wait for another.
const WRITE_ACK = /* sql */ `
insert into hq_export.ack (epoch, acked, extends, outcomes)
select $1, $2::pg_snapshot, $3, $4::jsonb
from pg_catalog.set_config('synchronous_commit', 'off', true)
where $3::bigint = (select id from hq_export.ack where epoch = $1 order by id desc limit 1)
on conflict do nothing
returning id::text as id`

/** The newest ack of this epoch; {@link establishEpoch} has written at least the empty one. */
export async function readAck(client: pg.ClientBase, epoch: string): Promise<Ack> {
  const ack = (await client.query<Ack>(READ_ACK, [epoch])).rows[0]
  if (ack === undefined) throw new Error(`no ack for epoch ${epoch}`)
  return ack
}

/**
 * Records that everything visible in `acked` is settled.
 * @param outcomes what became of what is not visible in `previous`: see `WindowOutcomes`.
 * @returns the new ack, or undefined where another relay has acked since `previous`.
 */
export async function writeAck(
  client: pg.ClientBase,
  epoch: string,
  previous: Ack,
  acked: Snapshot,
  outcomes: string | null = null,
): Promise<Ack | undefined> {
  const written = await client.query<{ id: string }>({
    name: 'write-ack',
    text: WRITE_ACK,
    values: [epoch, acked, previous.id, outcomes],
  })
  const id = written.rows[0]?.id
  return id === undefined ? undefined : { id, acked }
}
