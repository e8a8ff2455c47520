import type pg from 'pg'

/** How far the export is, seen from data-engine-x. */
export interface Progress {
  /** Rows of the outbox that no ack covers. */
  readonly waitingRows: number
  /** Age of the oldest of them in seconds; 0 where none waits. */
  readonly lagSeconds: number
  readonly deadLetters: number
}

const OUTBOX_TABLES = [0, 1, 2]

// Rows below the acked snapshot's xmin are settled, so the index skips what is only retained.
const PROGRESS = /* sql */ `
with acked as materialized (
  select coalesce((select acked from hq_export.ack order by id desc limit 1), '1:1:') as snapshot
)
select count(o.xid)::float8 as waiting_rows,
       coalesce(extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.min(o.captured_at)),
         0)::float8 as lag_s,
       (select count(*) from hq_export.dead_letter)::float8 as dead_letters
from acked cross join lateral (
${OUTBOX_TABLES.map(
  (table) => `  select xid, captured_at from hq_export.outbox_${table}
  where xid >= pg_catalog.pg_snapshot_xmin(acked.snapshot)`,
).join('\n  union all\n')}
) o
where not pg_catalog.pg_visible_in_snapshot(o.xid, acked.snapshot)`

/** Makes the outbox be read by its index, which nobody keeps statistics for; once per session. */
export async function prepareProgress(client: pg.ClientBase): Promise<void> {
  await client.query(`select pg_catalog.set_config('enable_seqscan', 'off', false)`)
}

/** Reads how far the export is. */
export async function readProgress(client: pg.ClientBase): Promise<Progress> {
  const { rows } = await client.query<{
    waiting_rows: number
    lag_s: number
    dead_letters: number
  }>({ name: 'progress', text: PROGRESS })
  const row = rows[0]
  if (row === undefined) throw new Error('the outbox has a state')
  return {
    waitingRows: row.waiting_rows,
    lagSeconds: Math.max(0, row.lag_s),
    deadLetters: row.dead_letters,
  }
}
