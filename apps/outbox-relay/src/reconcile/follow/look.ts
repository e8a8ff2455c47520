import { DATASETS } from '@hq-export/contract'
import type pg from 'pg'
import { z } from 'zod'
import { SNAPSHOTS_DATASET } from '../../binding/binding-schema.ts'
import {
  CURRENT_OUTBOX,
  OUTBOX_TABLES,
  selectUnseen,
  unionOfUnseen,
} from '../../outbox/outbox-tables.ts'
import { readUntruncated } from '../../outbox/read-untruncated.ts'
import { EMPTY_SNAPSHOT, type Snapshot } from '../../outbox/tick.ts'

const tableSchema = z.object({
  /** Changes when the table is truncated. */
  file: z.string(),
  /** Snapshot of the first look that found it no longer written to; null while it is. */
  closed: z.string().nullable(),
})

/** The outbox at a look. */
export const outboxSchema = z.object({
  /** Highest number that a row has had. */
  seq: z.string(),
  tables: z.array(tableSchema),
})

/** How far looks have come. */
export interface Seen {
  /** What it shows has been seen. */
  readonly snapshot: Snapshot
  readonly outbox: z.infer<typeof outboxSchema>
}

/** Nothing has been seen yet; what the outbox retains is. */
export const NOTHING_SEEN: Seen = { snapshot: EMPTY_SNAPSHOT, outbox: { seq: '0', tables: [] } }

/** What was found at a look. */
export interface Look {
  readonly seen: Seen
  readonly keys: readonly { readonly dataset: number; readonly key: string }[]
  /** Keys beyond what is compared. */
  readonly leftOut: number
  /** Rows that were truncated before they were seen, at most. */
  readonly missed: number
}

const FILES = OUTBOX_TABLES.map(
  (table) => `pg_catalog.pg_relation_filenode('hq_export.outbox_${table}'::regclass)::text`,
).join(', ')

const STATE = /* sql */ `
select pg_catalog.pg_current_snapshot()::text as snapshot,
       coalesce(pg_catalog.pg_sequence_last_value('hq_export.outbox_seq'), 0)::text as seq,
       ${CURRENT_OUTBOX} as current, array[${FILES}] as files`

// Whoever wrote into a table has committed when it is truncated, and whatever the snapshot of its
// closing showed has been seen by then: left are those who were open at its closing and have ended
// between two looks. A long transaction, then, and even that only by bad luck.
const HAS_LOST = /* sql */ `
select exists (
  select from pg_catalog.unnest($1::pg_snapshot[]) closed
  cross join lateral pg_catalog.pg_snapshot_xip(closed) x
  where not pg_catalog.pg_visible_in_snapshot(x, $2::pg_snapshot)
    and pg_catalog.pg_visible_in_snapshot(x, $3::pg_snapshot)) as lost`

/** The heartbeat has no key that could be compared; snapshots are compared by their entities. */
const UNKEYED = [
  0,
  ...DATASETS.flatMap(({ name, number }) => (name === SNAPSHOTS_DATASET ? [number] : [])),
]

/**
 * Rows that a look reads of each range of a table, the newest: more are written while much is
 * loaded, or much waits, and reading all of that once more would cost what delivery needs.
 */
const MAX_LOOK_ROWS = 20_000

// By the index, and what was not seen yet alone. No body is read. Beyond the limit keys are
// taken by their hash, one in two, four, eight, ..., so that it is the same ones from look to look.
// Gaps have no key. The row without one says how many there are. The share is worked out once, and
// not for each key: logarithms of numeric cost more than all the rest.
const KEYS = /* sql */ `
with changed as materialized (
  select o.dataset, o.key
  from (
    ${unionOfUnseen(
      '$1',
      (table, range) => /* sql */ `(select dataset, key from ${table}
    where ${range}
    order by xid desc limit ${MAX_LOOK_ROWS})`,
    )}
  ) o
  where o.key is not null and o.dataset <> all (array[${UNKEYED.join(', ')}]::smallint[])
  group by o.dataset, o.key
), total as (
  select count(*) as keys from changed
), share as materialized (
  select pg_catalog.power(2, pg_catalog.ceil(pg_catalog.log(2::numeric,
    greatest(t.keys / $2::numeric, 1))))::bigint as one_in
  from total t
)
select c.dataset, c.key, null as keys
from changed c cross join share s
where (pg_catalog.hashtextextended(c.key, 4711) & 9007199254740991) % s.one_in = 0
union all
select null, null, t.keys::float8 from total t`

const ROWS = /* sql */ `
select count(*)::float8 as rows
from (
  ${selectUnseen('$1', 'xid')}
) o`

interface OutboxState {
  readonly snapshot: Snapshot
  readonly seq: string
  readonly current: number
  readonly files: readonly string[]
}

/** The outbox as it is now: a table is closed as of the first look that finds it so. */
function outboxNow({ snapshot, seq, current, files }: OutboxState, last: Seen): Seen['outbox'] {
  return {
    seq,
    tables: files.map((file, number) => {
      const before = last.outbox.tables[number]
      const closed = before?.file === file ? before.closed : null
      return { file, closed: number === current ? null : (closed ?? snapshot) }
    }),
  }
}

/** Rows that were truncated since the last look before anybody saw them, at most. */
async function countMissed(
  client: pg.ClientBase,
  last: Seen,
  { snapshot, seq, files }: OutboxState,
): Promise<number> {
  const truncated = last.outbox.tables.filter(({ file }, number) => file !== files[number])
  if (truncated.length === 0) return 0
  const closed = truncated.flatMap((table) => table.closed ?? [])
  if (closed.length === truncated.length) {
    const { rows } = await client.query<{ lost: boolean }>(HAS_LOST, [
      closed,
      last.snapshot,
      snapshot,
    ])
    if (rows[0]?.lost === false) return 0
  }
  const { rows } = await client.query<{ rows: number }>(ROWS, [last.snapshot])
  // Numbers of transactions that were rolled back count, too: it is never too few.
  return Math.max(1, Number(BigInt(seq) - BigInt(last.outbox.seq)) - (rows[0]?.rows ?? 0))
}

/**
 * Passes over what has been written since the last look: it is more than can be read in time, and
 * counts as missed.
 */
export async function skipOutbox(client: pg.ClientBase, last: Seen): Promise<Look> {
  const state = (await client.query<OutboxState>(STATE)).rows[0]
  if (state === undefined) throw new Error('the outbox has a state')
  const missed = Math.max(0, Number(BigInt(state.seq) - BigInt(last.outbox.seq)))
  const seen = { snapshot: state.snapshot, outbox: outboxNow(state, last) }
  return { seen, keys: [], leftOut: 0, missed }
}

/**
 * Reads which keys have rows in the outbox that were not seen at the last look. It trusts nothing
 * that the relay notes: not its windows, not its acks; what is committed is in the outbox until it
 * is truncated, and what was truncated unseen is counted.
 * @param limit keys to be had, about.
 */
export async function lookIntoOutbox(
  client: pg.ClientBase,
  last: Seen,
  limit: number,
): Promise<Look> {
  return readUntruncated(client, async () => {
    const state = (await client.query<OutboxState>(STATE)).rows[0]
    if (state === undefined) throw new Error('the outbox has a state')
    const missed = await countMissed(client, last, state)
    const { rows } = await client.query<{
      dataset: number | null
      key: string | null
      keys: number | null
    }>(KEYS, [last.snapshot, Math.max(1, limit)])
    const keys = rows.flatMap(({ dataset, key }) =>
      dataset === null || key === null ? [] : [{ dataset, key }],
    )
    const total = rows.find((row) => row.keys !== null)?.keys ?? 0
    const seen = { snapshot: state.snapshot, outbox: outboxNow(state, last) }
    // Rows, so at least as many as their keys: never too few.
    const written = Number(BigInt(state.seq) - BigInt(last.outbox.seq)) - missed
    const unread = Math.max(0, written - MAX_LOOK_ROWS)
    return { seen, keys, leftOut: total - keys.length + unread, missed }
  })
}
