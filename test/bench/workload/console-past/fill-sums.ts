import { passed } from '@hq-export/hq-ingest/quality/verdict.ts'
import type pg from 'pg'
import { FILLED_SOURCE } from './filled-rows.ts'
import { sumOf } from './profiles.ts'

const CHECKS = [
  ...['volume', 'null_rate', 'status', 'refused', 'future', 'reversed', 'negative'],
  ...['meaningless', 'open_set', 'lag', 'parity', 'event_continuity'],
]

function verdictsOf(rows: number) {
  const measured = { value: 0.01, threshold: 0.05, baseline: 0.01, fraction: 0.01, rows }
  return CHECKS.map((check) => passed({ ...measured, check, metric: `share of rows: ${check}` }))
}

interface Sum {
  readonly dataset: string
  readonly batches: number
}

/** Where the sums of each length of time are kept. */
const SUMS = {
  minute: `insert into ingest.minute (minute, source, dataset, batches, profile)
    select t.at, '${FILLED_SOURCE}', t.dataset, t.batches, s.profile`,
  hour: `insert into ingest.quality_hour (hour, source, dataset, profile)
    select t.at, '${FILLED_SOURCE}', t.dataset, s.profile`,
  day: `insert into ingest.quality_report (day, source, dataset, profile, verdicts)
    select t.at::date, '${FILLED_SOURCE}', t.dataset, s.profile, s.verdicts`,
} as const

async function fillSumsBy(
  client: pg.Client,
  unit: keyof typeof SUMS,
  table: string,
): Promise<void> {
  await client.query(`create temp table sum_${unit} as
    select date_trunc('${unit}', at) as at, dataset, sum(batches)::int as batches from ${table}
    group by 1, 2`)
  await client.query(`analyze sum_${unit}`)
  const { rows } = await client.query<Sum>(`select distinct dataset, batches from sum_${unit}`)
  const sums = rows.map(({ dataset, batches }) => {
    const profile = sumOf(dataset, batches)
    return { dataset, batches, profile, verdicts: verdictsOf(profile.rows) }
  })
  await client.query(
    `${SUMS[unit]} from sum_${unit} t
     join jsonb_to_recordset($1) as s (dataset text, batches int, profile jsonb, verdicts jsonb)
       using (dataset, batches)
     where ${unit === 'minute' ? 'true' : `t.at < date_trunc('${unit}', now())`}`,
    [JSON.stringify(sums)],
  )
}

/** Adds the filled batches up by minute, hour and day, as the gateways would have done. */
export async function fillSums(client: pg.Client): Promise<void> {
  await client.query(`create temp table sum_of as
    select date_trunc('minute', received_at) as at, dataset, count(*)::int as batches
    from ingest.batch group by 1, 2`)
  await fillSumsBy(client, 'minute', 'sum_of')
  await fillSumsBy(client, 'hour', 'sum_minute')
  await fillSumsBy(client, 'day', 'sum_hour')
  await client.query(`insert into ingest.quality_progress (since, hours_through, judged_through,
      reported_through, source, dataset)
    select min(at), date_trunc('hour', now()), date_trunc('hour', now()), now()::date,
      '${FILLED_SOURCE}', dataset
    from sum_hour group by dataset`)
  await client.query(`update ingest.roll_up set rolled_at = clock_timestamp(),
    through = date_trunc('minute', now()), snapshot = pg_current_snapshot()`)
}
