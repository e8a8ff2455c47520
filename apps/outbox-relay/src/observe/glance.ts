import { DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import { unionOfUnseen } from '../outbox/outbox-tables.ts'
import { EMPTY_SNAPSHOT } from '../outbox/tick.ts'
import { type BackfillStatus, readBackfills } from '../status/read-backfills.ts'
import { type OutboxStatus, readOutbox } from '../status/read-outbox.ts'
import { type ReconciliationStatus, readReconciliation } from '../status/read-reconciliation.ts'
import { readSessions, type Sessions } from '../status/read-sessions.ts'

/** A dead letter, as far as a list names it; times as ISO 8601. */
export interface NewestDeadLetter {
  readonly reason: string
  readonly last_failed_at: string
}

/** One dataset at a glance. */
export interface DatasetGlance {
  readonly dataset: string
  /** Rows in the outbox that no ack covers, of those that were counted. */
  readonly waiting_rows: number
  /** More wait than were counted, of this dataset or of another. */
  readonly has_more_waiting: boolean
  /** Age of the oldest of them; null where none was counted. */
  readonly oldest_age_s: number | null
  /** Open ones, of those that were counted. */
  readonly dead_letters: number
  readonly has_more_dead_letters: boolean
  readonly newest_dead_letter: NewestDeadLetter | null
  readonly backfill: BackfillStatus | null
}

/** What can be told of data-engine-x at once, however much waits there. */
export interface Glance extends Sessions, OutboxStatus {
  readonly datasets: readonly DatasetGlance[]
  readonly reconciliation: ReconciliationStatus
}

const ACKED = /* sql */ `select acked::text as acked from hq_export.ack order by id desc limit 1`

// The first of each table by its index, and of these the first: no more is read than is counted.
const WAITING = /* sql */ `
select dataset, count(*)::int as rows,
       greatest(extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(captured_at)),
         0)::float8 as age
from (
  select dataset, captured_at from (
  ${unionOfUnseen(
    '$1',
    (table, range) => /* sql */ `(select xid, dataset, captured_at from ${table}
  where ${range}
  order by xid, seq limit $2)`,
  )}
  ) of_tables
  order by xid limit $2
) o
group by dataset`

const DEAD_LETTERS = /* sql */ `
select dataset, count(*)::int as rows,
  (pg_catalog.array_agg(reason order by last_failed_at desc))[1] as reason,
  pg_catalog.to_json(pg_catalog.max(last_failed_at)) #>> '{}' as last_failed_at
from (
  select dataset, reason, last_failed_at from hq_export.dead_letter
  where resolved_at is null
  order by last_failed_at desc, id desc limit $1
) l
group by dataset`

const total = (rows: readonly { readonly rows: number }[]) =>
  rows.reduce((sum, row) => sum + row.rows, 0)

/**
 * Reads what conditions and an overview need. Nothing that piles up is counted beyond `limit`.
 * @param limit rows of each kind, of all datasets together.
 */
export async function readGlance(client: pg.ClientBase, limit: number): Promise<Glance> {
  const acked = (await client.query<{ acked: string }>(ACKED)).rows[0]?.acked ?? EMPTY_SNAPSHOT
  const waiting = (
    await client.query<{ dataset: number; rows: number; age: number }>(WAITING, [acked, limit + 1])
  ).rows
  const letters = (
    await client.query<{ dataset: string; rows: number } & NewestDeadLetter>(DEAD_LETTERS, [
      limit + 1,
    ])
  ).rows
  const hasMoreWaiting = total(waiting) > limit
  const hasMoreLetters = total(letters) > limit
  const backfills = await readBackfills(client)
  const datasets = DATASETS.map(({ name, number }): DatasetGlance => {
    const row = waiting.find(({ dataset }) => dataset === number)
    const letter = letters.find(({ dataset }) => dataset === name)
    return {
      dataset: name,
      waiting_rows: Math.min(row?.rows ?? 0, limit),
      has_more_waiting: hasMoreWaiting,
      oldest_age_s: row?.age ?? null,
      dead_letters: Math.min(letter?.rows ?? 0, limit),
      has_more_dead_letters: hasMoreLetters && letter !== undefined,
      newest_dead_letter: letter ?? null,
      backfill: backfills.get(name) ?? null,
    }
  })
  return {
    ...(await readSessions(client)),
    ...(await readOutbox(client)),
    datasets,
    reconciliation: await readReconciliation(client),
  }
}
