import type { Counts } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { gatewayLocks } from '../db/own-locks.ts'
import { profileParts } from './batch-profile.ts'
import { bounded, ProfileSum } from './merge-profiles.ts'
import type { Profile } from './profile.ts'
import type { StoredProfile } from './row-counts.ts'

/** Name of the lock: one roll-up at a time. */
const LOCK = 'roll up'
/** Entries that are added at once: batches that come meanwhile wait so long. */
const CHUNK = 50
/** Minutes that are held at once, however long nobody rolled up. */
const MAX_OPEN = 1_000

/*
 * The time is read in a statement of its own before the snapshot is: what was received before that
 * minute is in the snapshot, or was written by a transaction that is still under way in it.
 */
const TIME = /* sql */ `
select pg_catalog.date_trunc('minute', pg_catalog.clock_timestamp())::text as minute`

const BEGIN = /* sql */ `
select r.snapshot::text as before, pg_catalog.pg_current_snapshot()::text as now,
  pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
    < pg_catalog.pg_snapshot_xmax(r.snapshot) as "isOtherServer"
from ingest.roll_up as r`

/*
 * Batches that this snapshot shows and the one before did not: each is in exactly one difference,
 * however late it was committed and whatever its clock said. Read by the index on xid.
 */
const ENTRIES = /* sql */ `
declare entries no scroll cursor for
select b.source, b.dataset, b.org_id::text as "orgId", b.decoded_bytes as bytes, b.profile,
  pg_catalog.date_trunc('minute', b.received_at)::text as minute, b.answer -> 'counts' as counts
from ingest.batch as b
where b.xid >= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)
  and b.xid < pg_catalog.pg_snapshot_xmax($2::pg_snapshot)
  and pg_catalog.pg_visible_in_snapshot(b.xid, $2::pg_snapshot)
  and not pg_catalog.pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
  and b.profile is not null
order by b.xid`

const FETCH = `fetch ${CHUNK} from entries`

const STORED = /* sql */ `
select batches, profile from ingest.minute
where source = $1 and dataset = $2 and minute = $3::timestamptz and org_id is not distinct from $4::uuid`

const WRITE = /* sql */ `
insert into ingest.minute (source, dataset, minute, org_id, batches, profile)
values ($1, $2, $3::timestamptz, $4::uuid, $5, $6::jsonb)
on conflict on constraint minute_key
do update set batches = excluded.batches, profile = excluded.profile`

/*
 * Minutes before the one that was current then are complete once everybody who wrote then has
 * ended.
 */
const END = /* sql */ `
update ingest.roll_up set snapshot = $1::pg_snapshot, rolled_at = pg_catalog.clock_timestamp(),
  through = case when pending_xmax <= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)
    then greatest(through, pending_through) else through end,
  pending_through = case when coalesce(pending_xmax, '0')
      <= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)
    then $2::timestamptz else pending_through end,
  pending_xmax = case when coalesce(pending_xmax, '0')
      <= pg_catalog.pg_snapshot_xmin($1::pg_snapshot)
    then pg_catalog.pg_snapshot_xmax($1::pg_snapshot) else pending_xmax end`

const RESTART = /* sql */ `
update ingest.roll_up set snapshot = $1::pg_snapshot, rolled_at = pg_catalog.clock_timestamp(),
  pending_through = null, pending_xmax = null`

interface Entry {
  readonly source: string
  readonly dataset: string
  readonly orgId: string | null
  readonly minute: string
  readonly bytes: number
  readonly counts: Counts
  readonly profile: StoredProfile
}

/** Batches of one minute. */
interface Open extends Pick<Entry, 'source' | 'dataset' | 'orgId' | 'minute'> {
  batches: number
  readonly sum: ProfileSum
}

async function flush(client: pg.ClientBase, open: Map<string, Open>): Promise<void> {
  for (const { source, dataset, minute, orgId, batches, sum } of open.values()) {
    const key = [source, dataset, minute, orgId]
    const [stored] = (await client.query<{ batches: number; profile: Profile }>(STORED, key)).rows
    if (stored !== undefined) sum.add(stored.profile)
    const all = batches + (stored?.batches ?? 0)
    await client.query(WRITE, [...key, all, JSON.stringify(bounded(sum.toProfile()))])
  }
  open.clear()
}

function add(open: Map<string, Open>, entry: Entry): void {
  const { source, dataset, orgId, minute } = entry
  const key = JSON.stringify([source, dataset, orgId, minute])
  const known = open.get(key) ?? {
    ...{ source, dataset, orgId, minute },
    ...{ batches: 0, sum: new ProfileSum() },
  }
  known.batches++
  for (const part of profileParts(entry)) known.sum.add(part)
  open.set(key, known)
}

async function readEntries(client: pg.ClientBase, before: string, now: string): Promise<number> {
  await client.query(ENTRIES, [before, now])
  const open = new Map<string, Open>()
  let entries = 0
  for (;;) {
    const { rows } = await client.query<Entry>(FETCH)
    for (const entry of rows) add(open, entry)
    entries += rows.length
    if (rows.length < CHUNK) break
    if (open.size > MAX_OPEN) await flush(client, open)
  }
  await flush(client, open)
  await client.query('close entries')
  return entries
}

async function rollUpOnce(client: pg.ClientBase): Promise<number> {
  const [time] = (await client.query<{ minute: string }>(TIME)).rows
  const add = async () => {
    const [begun] = (
      await client.query<{ before: string; now: string; isOtherServer: boolean }>(BEGIN)
    ).rows
    if (begun === undefined || time === undefined) throw new Error('ingest.roll_up has no row')
    const { before, now, isOtherServer } = begun
    if (isOtherServer) {
      await client.query(RESTART, [now])
      return 0
    }
    const entries = await readEntries(client, before, now)
    await client.query(END, [now, time.minute])
    return entries
  }
  return transact(client, add, { mode: 'isolation level repeatable read' })
}

/**
 * Adds the batches that were committed since the last time to their minutes, in one transaction.
 * Where HQ was moved to another server, whose transactions count from the start, it begins anew:
 * what was committed between the last roll-up and the move is in no minute.
 *
 * Locks: the lock `roll up` for the session; rows of ingest.minute and ingest.roll_up, which nobody
 * else writes. Reads the ledger beside the batches that are written.
 * @returns batches that were added; undefined where another gateway is at it.
 */
export async function rollUp(client: pg.ClientBase): Promise<number | undefined> {
  const { key } = await gatewayLocks.take(client, LOCK)
  if (key === undefined) return undefined
  try {
    return await rollUpOnce(client)
  } finally {
    await gatewayLocks.release(client, key)
  }
}

/** As long as what a reconciliation came to. */
const KEEP_DAYS = 400
const MAX_EXPIRED = 100_000

const EXPIRE = /* sql */ `
delete from ingest.minute where ctid = any (array(
  select ctid from ingest.minute
  where minute < pg_catalog.to_timestamp($1::float8 / 1000) - pg_catalog.make_interval(days => $2)
  limit $3))`

/** Deletes minutes older than 400 days. @param now milliseconds since the epoch. */
export async function expireMinutes(client: pg.ClientBase, now: number): Promise<number> {
  return (await client.query(EXPIRE, [now, KEEP_DAYS, MAX_EXPIRED])).rowCount ?? 0
}
