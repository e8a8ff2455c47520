import type pg from 'pg'

/** When a key last signed a batch that was believed. */
export interface KeyUse {
  readonly id: string
  readonly source: string
  readonly usedAtMs: number
  /** Lock of the contract that its sender was built with; undefined where it said none. */
  readonly lock: string | undefined
}

// Several gateways write the same rows: in the order of the key, so that they cannot deadlock, and
// never backwards.
const RECORD = `
  insert into ingest.key_use (key_id, source, last_used_at, contract_lock)
  select u.key_id, u.source, u.used_at, u.lock
  from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[])
    as u (key_id, source, used_at, lock)
  order by u.key_id
  on conflict (key_id) do update set source = excluded.source, last_used_at = excluded.last_used_at,
    contract_lock = excluded.contract_lock
  where key_use.last_used_at < excluded.last_used_at`

/** Writes when keys were last used; a key at most once. */
export async function recordUse(pool: pg.Pool, uses: readonly KeyUse[]): Promise<void> {
  await pool.query(RECORD, [
    uses.map(({ id }) => id),
    uses.map(({ source }) => source),
    uses.map(({ usedAtMs }) => new Date(usedAtMs).toISOString()),
    uses.map(({ lock }) => lock ?? null),
  ])
}
