import { pause } from '@hq-export/runtime/pause.ts'
import type pg from 'pg'
import { LIFE, selectUnseen } from '../../outbox/outbox-tables.ts'
import type { Snapshot } from '../../outbox/tick.ts'
import { STOPPED, UndecidedError } from '../compare/undecided-error.ts'

const FIRST_POLL_MS = 5
const LAST_POLL_MS = 250
/** Each pause is so many times the one before. */
const POLL_GROWTH = 3

const LAST_ACK = 'select a.epoch, a.acked from hq_export.ack a order by a.id desc limit 1'

// Of this life of the server, and of the relay that acked last.
const EPOCH = /* sql */ `
select (${LIFE}) as epoch, (select a.epoch from (${LAST_ACK}) a) as acked`

/*
 * Two ways to know that everything which a snapshot shows has been decided by HQ. An ack covers it;
 * or what the outbox holds of it is acked: a relay with nothing to deliver acks nothing. Rotation
 * empties only tables of which everything is acked.
 */
const FENCE = {
  name: 'fence',
  text: /* sql */ `
with a as materialized (
  ${LAST_ACK}
)
select (${LIFE}) as epoch, a.epoch as acked,
  pg_catalog.pg_snapshot_xmax($1::pg_snapshot) <= pg_catalog.pg_snapshot_xmax(a.acked)
    and not exists (
      select from pg_catalog.pg_snapshot_xip(a.acked) x
      where pg_catalog.pg_visible_in_snapshot(x, $1::pg_snapshot))
  or not exists (
    select from (
      ${selectUnseen('a.acked', 'xid')}
    ) o
    where pg_catalog.pg_visible_in_snapshot(o.xid, $1::pg_snapshot)
  ) as is_delivered
from (select) always left join a on true`,
}

interface Epochs {
  readonly epoch: string | null
  readonly acked: string | null
}

/** @throws {UndecidedError} where the relay that acked last did so in another life of the server. */
function epochOf(found: Epochs | undefined): string {
  if (found?.epoch == null || found.epoch !== found.acked)
    throw new UndecidedError('no relay has worked since the source was started or restored')
  return found.epoch
}

/**
 * The epoch in which the relay acks.
 * @throws {UndecidedError} where no relay has worked in this life of the server yet.
 */
export async function readEpoch(client: pg.ClientBase): Promise<string> {
  return epochOf((await client.query<Epochs>(EPOCH)).rows[0])
}

/**
 * Waits until HQ has decided everything that a snapshot shows: the relay has acked it. What HQ has
 * refused of it is a dead letter by then.
 * @param client another session than the one of the snapshot: it must see newer acks.
 * @throws {UndecidedError} where the relay does not get there in time, or another life of the
 * server has begun.
 */
export async function waitForFence(
  client: pg.ClientBase,
  epoch: string,
  snapshot: Snapshot,
  {
    patienceMs,
    stopping,
    meanwhile,
  }: {
    readonly patienceMs: number
    readonly stopping: AbortSignal
    /** Called between two looks, with the session to itself. */
    readonly meanwhile?: () => Promise<void>
  },
): Promise<void> {
  const until = performance.now() + patienceMs
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(LAST_POLL_MS, pollMs * POLL_GROWTH)) {
    const query = { ...FENCE, values: [snapshot] }
    const [found] = (await client.query<Epochs & { is_delivered: boolean | null }>(query)).rows
    if (epochOf(found) !== epoch)
      throw new UndecidedError('the source was restarted or restored meanwhile')
    if (found?.is_delivered) return
    if (performance.now() + pollMs > until)
      throw new UndecidedError('the relay is behind: it has not delivered what was to be compared')
    await meanwhile?.()
    await pause(pollMs, stopping)
    if (stopping.aborted) throw new UndecidedError(STOPPED)
  }
}

// Rows of the outbox that the relay had the time to deliver.
const IS_BEHIND = /* sql */ `
with a as materialized (
  select acked from hq_export.ack where epoch = $1 order by id desc limit 1
)
select exists (
  select from (
    ${selectUnseen('a.acked', 'captured_at')}
  ) o
  where o.captured_at < pg_catalog.clock_timestamp() - interval '1 second'
) as is_behind
from a`

/** How long a relay that is behind goes first; then its fence is asked, which decides. */
const YIELD_MS = 10_000

/** Lets a relay that is behind go first. */
export async function yieldToRelay(
  client: pg.ClientBase,
  epoch: string,
  stopping: AbortSignal,
): Promise<void> {
  const until = performance.now() + YIELD_MS
  while (!stopping.aborted && performance.now() < until) {
    const { rows } = await client.query<{ is_behind: boolean }>(IS_BEHIND, [epoch])
    if (rows[0]?.is_behind !== true) return
    await pause(LAST_POLL_MS, stopping)
  }
}
