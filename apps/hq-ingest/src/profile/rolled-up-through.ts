import type pg from 'pg'

const THROUGH = /* sql */ `
select (extract(epoch from nullif(through, '-infinity')) * 1000)::float8 as ms
from ingest.roll_up`

/**
 * Until when minutes are complete: none before it gets anything more.
 * @returns milliseconds since the epoch by HQ's clock; undefined before the first roll-up.
 */
export async function rolledUpThrough(client: pg.ClientBase): Promise<number | undefined> {
  const { rows } = await client.query<{ ms: number | null }>(THROUGH)
  return rows[0]?.ms ?? undefined
}
