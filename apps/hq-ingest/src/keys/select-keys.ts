import type pg from 'pg'
import type { KeyRow } from './stored-key.ts'

// Every key that may sign now or later by the gateway's own clock, the newest first: where a source
// signs with two keys while it rotates, the new one counts as used, and the old one is seen to be
// idle. Keys with an id of $2 come whatever their state. AccessShareLock; the table has a handful
// of rows. The first condition holds for every id and is one for the index: a sequential scan has a
// price in these sessions for which PostgreSQL before 18 compiles the statement, 0.3 s at every
// look.
const SELECT = `
  select k.id, k.source, k.orgs::text[] as orgs, k.datasets, k.public_key, k.master_key_id, k.nonce,
    k.sealed_secret, k.requests_per_minute, k.bytes_per_minute::float8 as bytes_per_minute,
    (extract(epoch from k.not_before) * 1000)::float8 as not_before_ms,
    (extract(epoch from k.not_after) * 1000)::float8 as not_after_ms,
    k.revoked_at is not null as is_revoked
  from ingest.key k
  where k.id >= ''
    and ((k.revoked_at is null and (k.not_after is null or k.not_after > $1::timestamptz))
      or k.id = any ($2::text[]))
  order by k.created_at desc, k.id`

/**
 * Reads the keys of the database.
 * @param ids of other keys, to learn whether the database knows them.
 */
export async function selectKeys(
  pool: pg.Pool | pg.ClientBase,
  nowMs: number,
  ids: readonly string[],
): Promise<readonly KeyRow[]> {
  const { rows } = await pool.query<KeyRow>(SELECT, [new Date(nowMs).toISOString(), ids])
  return rows
}
