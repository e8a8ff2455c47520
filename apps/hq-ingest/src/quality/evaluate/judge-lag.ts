import { HEARTBEAT_DATASET } from '@hq-export/contract'
import type pg from 'pg'
import { inTransaction } from '../../db/in-transaction.ts'
import { lag } from '../checks/lag.ts'
import { applyVerdict, type Told } from '../incident/apply-verdict.ts'
import { floorTo, WINDOW_MS } from '../window/time.ts'
import { secondsSilent } from './heartbeats.ts'

// Answers a row where this window was not judged yet.
const CLAIM = /* sql */ `
insert into ingest.quality_progress
  (source, dataset, since, hours_through, judged_through, reported_through)
select $1, '${HEARTBEAT_DATASET}', at, at, at, (at at time zone 'UTC')::date
from (select pg_catalog.to_timestamp($2::float8 / 1000)) as w (at)
on conflict (source, dataset) do update set judged_through = excluded.judged_through
  where quality_progress.judged_through < excluded.judged_through
returning source`

/**
 * Judges how far HQ is behind a source, once a window. What is late says so at once, so nothing of
 * the past is made up for.
 * @param now milliseconds since the epoch, by HQ's clock.
 */
export async function judgeLag(
  client: pg.ClientBase,
  source: string,
  now: number,
): Promise<Told | undefined> {
  const end = floorTo(now, WINDOW_MS)
  return inTransaction(client, async () => {
    const { rowCount } = await client.query(CLAIM, [source, end])
    if (rowCount === 0) return undefined
    const verdict = lag(await secondsSilent(client, source, now))
    const stream = { source, dataset: HEARTBEAT_DATASET }
    return applyVerdict(client, { ...stream, verdict, begin: end - WINDOW_MS, end })
  })
}
