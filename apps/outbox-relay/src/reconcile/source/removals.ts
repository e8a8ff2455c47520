import {
  bucketSql,
  type ChecksumSpec,
  type ColumnSql,
  columnOf,
  type Dataset,
  keyHashSql,
} from '@hq-export/contract'
import type pg from 'pg'
import { Parameters, type Statement } from '../../backfill/chunk-sql.ts'
import type { Snapshot } from '../../outbox/tick.ts'
import type { KeyRange } from './range-record.ts'

/*
 * Rows of append-only datasets that the source has deleted, and HQ keeps: `hq_export.removal` names
 * their keys. Once a comparison has explained such a row of HQ, its hash is kept with the note, and
 * counts on the source's side from then on: the bucket is clean again, and a later change of the
 * row in HQ is noticed.
 */

/** A note, with what HQ's row was when it was explained last. */
export interface RemovalNote {
  readonly key: string
  /** Null where it was not explained, or is not to count any more. */
  readonly hash: string | null
}

const onKey = (dataset: Dataset): ColumnSql => {
  return (name) => {
    const part = dataset.primaryKey.indexOf(name) + 1
    return `pg_catalog.split_part(r.key, '/', ${part})::${columnOf(dataset, name).type}`
  }
}

function explained(
  dataset: Dataset,
  spec: ChecksumSpec,
  { from, before }: KeyRange,
  parameters: Parameters,
): string {
  const key = onKey(dataset)
  const place = `(${dataset.primaryKey.map((name) => key(name)).join(', ')})`
  const bound = (values: readonly string[]): string => {
    const types = dataset.primaryKey.map((name) => columnOf(dataset, name).type)
    return `(${types.map((type, index) => parameters.add(values[index], type)).join(', ')})`
  }
  return [
    `r.dataset = ${parameters.add(dataset.number, 'smallint')}`,
    `r.spec = ${parameters.add(spec.id, 'text')}`,
    'r.hash is not null',
    ...(from === undefined ? [] : [`${place} >= ${bound(from)}`]),
    ...(before === undefined ? [] : [`${place} < ${bound(before)}`]),
  ].join(' and ')
}

/** Rows and sums of explained notes, by bucket. */
export function removalDigestStatement(
  dataset: Dataset,
  spec: ChecksumSpec,
  range: KeyRange,
): Statement {
  const parameters = new Parameters()
  const text = /* sql */ `
select ${bucketSql(keyHashSql(spec, dataset, onKey(dataset)))} as bucket,
  count(*)::int4 as rows, pg_catalog.sum(r.hash)::text as sum
from hq_export.removal r
where ${explained(dataset, spec, range, parameters)}
group by 1`
  return { text, values: parameters.values }
}

/** The explained notes of some buckets. */
export function removalNotesStatement(
  dataset: Dataset,
  spec: ChecksumSpec,
  range: KeyRange,
  buckets: readonly number[],
): Statement {
  const parameters = new Parameters()
  const text = /* sql */ `
select r.key, r.hash::text as hash
from hq_export.removal r
where ${explained(dataset, spec, range, parameters)}
  and ${bucketSql(keyHashSql(spec, dataset, onKey(dataset)))}
    = any (${parameters.add(buckets, 'int4[]')})`
  return { text, values: parameters.values }
}

const REMOVED = /* sql */ `
select r.key, case when r.spec = $3 then r.hash::text end as hash
from hq_export.removal r where r.dataset = $1 and r.key = any ($2::text[])`

/** Those of some keys that the source has deleted at some time; `hash` is null until explained. */
export async function readRemovals(
  client: pg.ClientBase,
  { number }: Dataset,
  { id }: ChecksumSpec,
  keys: readonly string[],
): Promise<ReadonlyMap<string, RemovalNote>> {
  const { rows } = await client.query<RemovalNote>(REMOVED, [number, keys, id])
  return new Map(rows.map((note) => [note.key, note]))
}

const TRUNCATED = /* sql */ `
select pg_catalog.max(t.removed_xid)::text as xid from hq_export.truncation t where t.dataset = $1`

/** The last transaction that truncated a table of a dataset; undefined where none has. */
export async function readTruncation(
  client: pg.ClientBase,
  { number }: Dataset,
): Promise<bigint | undefined> {
  const { rows } = await client.query<{ xid: string | null }>(TRUNCATED, [number])
  const xid = rows[0]?.xid ?? null
  return xid === null ? undefined : BigInt(xid)
}

/** The snapshot that shows what transactions up to that of a TRUNCATE wrote, and nothing of later. */
export function behindTruncation(xid: bigint): Snapshot {
  return `${xid + 1n}:${xid + 1n}:`
}

// A note that somebody holds is being written by a capture, which does not wait for us; the next
// comparison explains it once more.
const REMEMBER = /* sql */ `
with held as materialized (
  select l.key from hq_export.removal l
  where l.dataset = $1 and l.key = any ($3::text[])
  for no key update skip locked
)
update hq_export.removal r
set hash = n.hash, spec = case when n.hash is not null then $2 end
from rows from (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::bigint[])) n (key, hash)
join held h on h.key = n.key
where r.dataset = $1 and r.key = n.key`

/** Notes of one statement: few are locked at a time. */
const CHUNK_NOTES = 500

/** Keeps what HQ's rows are that notes explain, or forgets it. */
export async function rememberRemovals(
  client: pg.ClientBase,
  { number }: Dataset,
  { id }: ChecksumSpec,
  notes: readonly RemovalNote[],
): Promise<void> {
  for (let at = 0; at < notes.length; at += CHUNK_NOTES) {
    const chunk = notes.slice(at, at + CHUNK_NOTES)
    const keys = chunk.map(({ key }) => key)
    await client.query(REMEMBER, [number, id, keys, chunk.map(({ hash }) => hash)])
  }
}
