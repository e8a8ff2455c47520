import { HEARTBEAT_DATASET } from '@hq-export/contract'
import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { datasetLag, lag } from '../checks/lag.ts'
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

const LAGS = /* sql */ `
select dataset, extract(epoch from behind)::float8 as behind,
  greatest(0, extract(epoch from pg_catalog.to_timestamp($2::float8 / 1000) - lag_told_at))::float8
    as silent
from ingest.freshness where source = $1 and behind is not null
order by dataset`

/**
 * Judges how far HQ is behind a source, and with each of its datasets, once a window. What is late
 * says so at once, so nothing of the past is made up for.
 * @param now milliseconds since the epoch, by HQ's clock.
 */
export async function judgeLag(
  client: pg.ClientBase,
  source: string,
  now: number,
): Promise<Told[]> {
  const end = floorTo(now, WINDOW_MS)
  return transact(client, async () => {
    const { rowCount } = await client.query(CLAIM, [source, end])
    if (rowCount === 0) return []
    const { rows } = await client.query<{ dataset: string; behind: number; silent: number }>(LAGS, [
      ...[source, now],
    ])
    const verdicts = [
      { dataset: HEARTBEAT_DATASET, verdict: lag(await secondsSilent(client, source, now)) },
      ...rows.map(({ dataset, behind, silent }) => {
        return { dataset, verdict: datasetLag(behind, silent) }
      }),
    ]
    const told: Told[] = []
    for (const judged of verdicts) {
      const step = await applyVerdict(client, { ...judged, source, begin: end - WINDOW_MS, end })
      if (step !== undefined) told.push(step)
    }
    return told
  })
}
