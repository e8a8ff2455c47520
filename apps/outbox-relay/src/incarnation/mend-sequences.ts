import type pg from 'pg'
import { OUTBOX_TABLES } from '../outbox/outbox-tables.ts'

/**
 * SQL that is true where the row at one end of a table's index is above the sequence. Old and new
 * rows stand at different ends.
 */
const isAbove = (table: number, order: 'asc' | 'desc'): string =>
  `(select o.seq from hq_export.outbox_${table} o order by o.xid ${order}, o.seq ${order}
    limit 1) > m.last`

/** `migrate` has called it, and so has {@link placeSequences}, last. */
const IS_UNSET = `pg_catalog.pg_sequence_last_value('hq_export.current_outbox') is null`

const ends = OUTBOX_TABLES.flatMap((table) => [isAbove(table, 'asc'), isAbove(table, 'desc')])
const highestSeq = OUTBOX_TABLES.map(
  (table) => `(select pg_catalog.max(o.seq) from hq_export.outbox_${table} o)`,
)

const lastOf = (sequence: string): string =>
  `coalesce(pg_catalog.pg_sequence_last_value('hq_export.${sequence}'), 0)`

/** What a sequence must not be below, for those that count what a table holds. */
const FLOORS: Readonly<Record<string, string>> = {
  // Looked for in the whole outbox only where its ends give reason to, or no relay has mended since
  // the sequences were left unset.
  outbox_seq: `case when ${IS_UNSET} or ${ends.join(' or ')}
    then greatest(${highestSeq.join(', ')}) end`,
  ack_seq: '(select a.id from hq_export.ack a order by a.id desc limit 1)',
  dead_letter_id_seq: '(select d.id from hq_export.dead_letter d order by d.id desc limit 1)',
  backfill_id_seq: '(select b.id from hq_export.backfill b order by b.id desc limit 1)',
  settled_id_seq: '(select s.id from hq_export.settled s order by s.id desc limit 1)',
  // Children of what is settled are late, whichever server settled it.
  settle_horizon: `(select s.number from hq_export.settled s order by s.id desc limit 1)`,
  settle_number: `greatest(${lastOf('settle_horizon')},
    (select pg_catalog.max(p.number) from hq_export.settle p))`,
  apart_sequence: `(select pg_catalog.max(q.sequence) from hq_export.assigned_sequence q
    where q.sequence >= 1000000000)`,
}

const RAISES = Object.entries(FLOORS).map(
  ([sequence, floor]) => `
select '${sequence}' as name, pg_catalog.setval('hq_export.${sequence}', f.floor)
from (select ${lastOf(sequence)} as last) m cross join lateral (select ${floor} as floor) f
where f.floor > m.last`,
)

/** Sequences that say where something stands: never called, they stand at 0. */
const POSITIONS = ['current_settle', 'settle_horizon', 'doorbell', 'lost', 'current_outbox'].map(
  (sequence) => `
select '${sequence}' as name, pg_catalog.setval('hq_export.${sequence}', 0)
where pg_catalog.pg_sequence_last_value('hq_export.${sequence}') is null`,
)

async function setAll(client: pg.ClientBase, statements: readonly string[]): Promise<string[]> {
  const names: string[] = []
  // One after the other: what the second of one sequence sees, the first has set.
  for (const statement of statements) {
    const { rows } = await client.query<{ name: string }>(statement)
    names.push(...rows.map(({ name }) => name))
  }
  return names
}

/**
 * Sets our sequences above what the tables hold: a logical upgrade, or a restore of data alone,
 * leaves them where they began, and then the newest ack is not the one with the newest id, ids
 * collide, and two rows of the outbox have one `seq`. `setval` is not transactional: whoever
 * captures at that moment goes on above. Only the relay that leads may call it, before it reads an
 * ack.
 * @returns names of the sequences that were set, and whether the outbox may hold a `seq` twice.
 */
export async function raiseSequences(
  client: pg.ClientBase,
): Promise<{ readonly raised: readonly string[]; readonly isNumberedTwice: boolean }> {
  const { rows } = await client.query<{ unset: boolean }>(`select ${IS_UNSET} as unset`)
  const raised = await setAll(client, RAISES)
  return { raised, isNumberedTwice: raised.includes('outbox_seq') || rows[0]?.unset === true }
}

/**
 * Sets the sequences that say where something stands, where they were left unset; after the outbox
 * was numbered anew, which they tell.
 */
export async function placeSequences(client: pg.ClientBase): Promise<void> {
  await setAll(client, POSITIONS)
}
