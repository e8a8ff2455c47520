import { type BalanceRow, balanceDifference, DATASETS } from '@hq-export/contract'
import {
  type Incidents,
  type KeyEnd,
  readKeyEnds,
  readOpenIncidents,
} from '@hq-export/hq-ingest/metrics/watch-hq.ts'
import type pg from 'pg'
import { type Complete, readComplete } from '../../flow/read-complete.ts'
import { type Rates, readRates } from '../../flow/read-rates.ts'
import { type Refused, readRefused } from '../../flow/read-refused.ts'
import type { Window } from '../../flow/window.ts'
import { readVerifiedOfHq, type Verified } from '../../verified/read-verified.ts'

/** The machines at HQ's end. */
export interface Gateways {
  /** Sessions that gateways have open. */
  readonly sessions: number
  /** Since batches were added up by minutes last, seconds: somebody works. */
  readonly rolledUpSeconds: number
}

/** What HQ says at once, however much is refused. */
export interface HqView {
  readonly complete: readonly Complete[]
  readonly refused: readonly Refused[]
  readonly verified: readonly Verified[]
  readonly keyEnds: readonly KeyEnd[]
  readonly incidents: readonly Incidents[]
  readonly gateways: Gateways
  readonly rates: Rates
  /** Of each dataset, rows of which the source does not know what became, as it said last. */
  readonly differences: ReadonlyMap<string, number>
  /** Age of the newest heartbeat of each source, seconds. */
  readonly heartbeats: readonly { readonly source: string; readonly seconds: number }[]
}

// What a session is for is seen by everybody, whoever it belongs to.
const GATEWAYS = /* sql */ `
select (
    select count(*)::int from pg_catalog.pg_stat_activity a
    where a.datname = pg_catalog.current_database() and a.application_name = 'hq-ingest'
  ) as sessions,
  greatest(extract(epoch from pg_catalog.clock_timestamp() - r.rolled_at), 0)::float8
    as "rolledUpSeconds"
from ingest.roll_up r`

const HEARTBEATS = /* sql */ `
select source,
  greatest(extract(epoch from pg_catalog.clock_timestamp() - received_at), 0)::float8 as seconds
from ingest.heartbeat order by source`

const BALANCE_DAYS = 31

const BALANCE = /* sql */ `
select day::text as day, dataset, captured::float8 as captured, inserted::float8 as inserted,
  updated::float8 as updated, superseded::float8 as superseded, duplicate::float8 as duplicate,
  stale::float8 as stale, refused::float8 as refused, filtered::float8 as filtered,
  waiting::float8 as waiting
from ingest.balance
where day > (pg_catalog.statement_timestamp() at time zone 'UTC')::date - ${BALANCE_DAYS}`

async function readDifferences(client: pg.ClientBase): Promise<Map<string, number>> {
  const { rows } = await client.query<BalanceRow>(BALANCE)
  const sums = new Map<string, number>()
  for (const row of rows) {
    const difference = Math.abs(balanceDifference(row))
    sums.set(row.dataset, (sums.get(row.dataset) ?? 0) + difference)
  }
  return sums
}

/** Reads HQ for the overview. */
export async function readHq(client: pg.ClientBase, window: Window): Promise<HqView> {
  const datasets = DATASETS.map(({ name }) => name)
  const [gateways] = (await client.query<Gateways>(GATEWAYS)).rows
  return {
    complete: await readComplete(client),
    refused: await readRefused(client, datasets),
    verified: await readVerifiedOfHq(client),
    keyEnds: await readKeyEnds(client),
    incidents: await readOpenIncidents(client),
    gateways: gateways ?? { sessions: 0, rolledUpSeconds: 0 },
    rates: await readRates(client, window),
    differences: await readDifferences(client),
    heartbeats: (await client.query<HqView['heartbeats'][number]>(HEARTBEATS)).rows,
  }
}
