import type pg from 'pg'
import { OUTBOX_REGCLASSES } from '../outbox/outbox-tables.ts'

/** Channel that capture triggers notify while the relay sleeps. */
export const DOORBELL_CHANNEL = 'hq_export_outbox'

/**
 * How long an armed doorbell stays armed without being renewed: a relay killed asleep costs writers
 * a NOTIFY each for this long.
 */
export const DOORBELL_EXPIRY_MS = 15_000
/** How often a sleeping relay renews it; the expiry forgives two misses. */
export const DOORBELL_RENEWAL_MS = 5_000

// setval is not transactional: writers see it at once. The clock is the server's, like the one that
// writers compare with.
const ARM = /* sql */ `
select pg_catalog.setval('hq_export.doorbell',
  (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::bigint + $1::bigint)`

const DISARM = /* sql */ `select pg_catalog.setval('hq_export.doorbell', 0)`

// Whoever inserted into the outbox, into the settle list, or among the keys to send again, holds
// this lock until it ends. A prepared transaction has -1 for a backend.
const WRITERS = /* sql */ `
select distinct l.virtualtransaction as writer
from pg_catalog.pg_locks l
where l.locktype = 'relation' and l.mode = 'RowExclusiveLock' and l.granted
  and l.database = (select oid from pg_catalog.pg_database
    where datname = pg_catalog.current_database())
  and l.relation in (${OUTBOX_REGCLASSES},
                     'hq_export.settle_0'::regclass, 'hq_export.settle_1'::regclass,
                     'hq_export.reexport'::regclass)`

// Two sequences, read without MVCC: no row of the outbox, no snapshot that is kept, nothing that
// could wait.
const LOOK = /* sql */ `
select pg_catalog.pg_sequence_last_value('hq_export.unrung')::text as unrung,
       pg_catalog.pg_sequence_last_value('hq_export.lost') > 0 as "hasLosses"`

const CAN_RING = /* sql */ `
select pg_catalog.current_setting('max_prepared_transactions') = '0' as can_ring`

/** Asks every writer that inserts from now on to notify when it commits. */
export async function arm(
  client: pg.ClientBase,
  expiryMs: number = DOORBELL_EXPIRY_MS,
): Promise<void> {
  await client.query({ name: 'doorbell-arm', text: ARM, values: [expiryMs] })
}

/** Tells writers that the relay is awake. */
export async function disarm(client: pg.ClientBase): Promise<void> {
  await client.query({ name: 'doorbell-disarm', text: DISARM })
}

/**
 * Transactions that have inserted into the outbox and not ended: asked after {@link arm}, it names
 * everyone who may have looked before and so will not ring. Exact, where a snapshot's xmin would
 * wait for unrelated transactions too.
 */
export async function openWriters(client: pg.ClientBase): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ writer: string }>({ name: 'open-writers', text: WRITERS })
  return new Set(rows.map(({ writer }) => writer))
}

/** What a look at the sequences tells. */
export interface Look {
  /** Captures so far that found the relay asleep and did not ring, see `hq_export.ring`. */
  readonly unrung: string
  /** True where captures failed without a trace in the outbox. */
  readonly hasLosses: boolean
}

/** Looks for what nobody rang for; costs next to nothing. */
export async function look(client: pg.ClientBase): Promise<Look> {
  const { rows } = await client.query<Look>({ name: 'doorbell-look', text: LOOK })
  if (rows[0] === undefined) throw new Error('a sequence has a value')
  return rows[0]
}

/**
 * False where triggers never ring, because NOTIFY would make PREPARE TRANSACTION fail: poll
 * instead.
 */
export async function canRing(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ can_ring: boolean }>(CAN_RING)
  return rows[0]?.can_ring ?? false
}
