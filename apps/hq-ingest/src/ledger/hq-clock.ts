import type pg from 'pg'

const NOW = 'select (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as now'

/**
 * HQ's clock in milliseconds since the epoch: the one by which the ledger says when a batch was
 * received.
 */
export async function readHqClock(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ now: number }>(NOW)
  const [clock] = rows
  if (clock === undefined) throw new Error('HQ did not say what time it is')
  return clock.now
}
