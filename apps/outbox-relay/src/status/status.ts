import { DATASETS } from '@hq-export/contract'
import type { Stranger } from '@hq-export/runtime/postgres/own-locks.ts'
import type pg from 'pg'
import { WaitingRows, waitingGroups } from '../outbox/waiting-rows.ts'
import { relayLocks } from '../session/lead.ts'
import { type BackfillStatus, readBackfills } from './read-backfills.ts'
import { type OutboxStatus, readOutbox } from './read-outbox.ts'
import { type ReconciliationStatus, readReconciliation } from './read-reconciliation.ts'
import { readSessions, type Sessions } from './read-sessions.ts'
import { readSettledRate } from './read-settled-rate.ts'
import { readSettling } from './read-settling.ts'

/** One dataset as seen from the source. */
export interface DatasetStatus {
  readonly dataset: string
  /** Rows in the outbox that no ack covers. */
  readonly waiting_rows: number
  /** Age of the oldest of them; null where none waits. */
  readonly oldest_age_s: number | null
  /** Open ones. */
  readonly dead_letters: number
  /** Rows that go to the outbox once they are due. */
  readonly settling_rows: number
  /** For how long the first of those has been due; null where none is. */
  readonly overdue_s: number | null
  /** Inserted rows that the filter of the binding leaves out. */
  readonly filtered_rows: number
  /** The backfill that it is in, or was in last; null where it was in none. */
  readonly backfill: BackfillStatus | null
}

/**
 * What `relay -- status --json` prints; all from data-engine-x, whether a relay runs or not. What a
 * relay has in flight only it knows, and keeps to itself.
 */
export interface RelayStatus extends Sessions, OutboxStatus {
  readonly bound: readonly {
    readonly dataset: string
    readonly binding: string
    readonly source_table: string
  }[]
  readonly datasets: readonly DatasetStatus[]
  /**
   * Sessions that hold an advisory lock of the relay, or wait for it, and are none; they stop
   * nothing.
   */
  readonly strangers: readonly Stranger[]
  /** Age of a heartbeat that no ack covers; null where none waits. */
  readonly heartbeat_waiting_s: number | null
  readonly last_ack_at: string | null
  /** Rows settled per second over the last half minute; null where nothing was ever acked. */
  readonly acknowledged_rows_per_s: number | null
  readonly reconciliation: ReconciliationStatus
}

/** Its number in the outbox. */
const HEARTBEAT = 0

const BOUND = /* sql */ `
select dataset, name as binding, source_table from hq_export.binding order by number`

const LAST_ACK = /* sql */ `
select pg_catalog.to_json(acked_at) #>> '{}' as acked_at
from hq_export.ack a order by a.id desc limit 1`

const WAITING = /* sql */ `
select g.dataset, pg_catalog.sum(g.rows)::int as rows,
       greatest(extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(g.oldest)),
         0)::float8 as age
from ${waitingGroups('$1')}
group by g.dataset`

const DEAD_LETTERS = /* sql */ `
select dataset, count(*)::int as rows from hq_export.dead_letter where resolved_at is null
group by dataset`

/**
 * Reads the state of the export from the source's side.
 * @param waitingRows what earlier looks have seen.
 */
export async function readStatus(
  client: pg.ClientBase,
  waitingRows = new WaitingRows(),
): Promise<RelayStatus> {
  const bound = (await client.query<RelayStatus['bound'][number]>(BOUND)).rows
  const ack = (await client.query<{ acked_at: string }>(LAST_ACK)).rows[0]
  const groups = await waitingRows.look(client)
  const waiting = (
    await client.query<{ dataset: number; rows: number; age: number }>(WAITING, [groups])
  ).rows
  const deadLetters = (await client.query<{ dataset: string; rows: number }>(DEAD_LETTERS)).rows
  const settling = await readSettling(client)
  const backfills = await readBackfills(client)
  const datasets = DATASETS.map(({ name, number }): DatasetStatus => {
    const row = waiting.find(({ dataset }) => dataset === number)
    const late = settling.find(({ dataset }) => dataset === number)
    return {
      dataset: name,
      waiting_rows: row?.rows ?? 0,
      oldest_age_s: row?.age ?? null,
      dead_letters: deadLetters.find(({ dataset }) => dataset === name)?.rows ?? 0,
      settling_rows: late?.settling_rows ?? 0,
      overdue_s: late?.overdue_s ?? null,
      filtered_rows: late?.filtered_rows ?? 0,
      backfill: backfills.get(name) ?? null,
    }
  })
  const rate = await readSettledRate(client)
  return {
    ...(await readSessions(client)),
    strangers: await relayLocks.listStrangers(client),
    bound,
    datasets,
    heartbeat_waiting_s: waiting.find(({ dataset }) => dataset === HEARTBEAT)?.age ?? null,
    last_ack_at: ack?.acked_at ?? null,
    acknowledged_rows_per_s: rate === undefined ? null : rate.rows / Math.max(1, rate.seconds),
    reconciliation: await readReconciliation(client),
    ...(await readOutbox(client)),
  }
}
