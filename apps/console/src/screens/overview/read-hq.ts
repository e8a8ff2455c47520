import { DATASETS, ROW_CODES, type RowCode } from '@hq-export/contract'
import {
  type Incidents,
  type KeyEnd,
  readKeyEnds,
  readOpenIncidents,
} from '@hq-export/hq-ingest/metrics/watch-hq.ts'
import type pg from 'pg'
import { type Rates, readRates } from '../../flow/read-rates.ts'
import type { Window } from '../../flow/window.ts'
import { COUNT_LIMIT } from '../../page/text.ts'
import { readVerifiedOfHq, type Verified } from '../../verified/read-verified.ts'

/** How far a dataset of a source is complete. */
export interface Complete {
  readonly source: string
  readonly dataset: string
  /** ISO 8601; null while it is not known. */
  readonly completeThrough: string | null
  readonly lagSeconds: number | null
  readonly schemaVersion: string
  /** When the source has told it. */
  readonly receivedAt: string
}

/** Open quarantine entries of a dataset and code. */
export interface Refused {
  readonly dataset: string
  readonly code: RowCode
  /** One above {@link COUNT_LIMIT} where there are more. */
  readonly rows: number
  /** When the newest was refused last, ISO 8601. */
  readonly lastSeenAt: string
}

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
  /** Age of the newest heartbeat of each source, seconds. */
  readonly heartbeats: readonly { readonly source: string; readonly seconds: number }[]
}

const iso = (column: string) => `pg_catalog.to_json(${column}) #>> '{}'`

const COMPLETE = /* sql */ `
select source, dataset, ${iso('complete_through')} as "completeThrough",
  greatest(extract(epoch from pg_catalog.clock_timestamp() - complete_through), 0)::float8
    as "lagSeconds",
  schema_version as "schemaVersion", ${iso('received_at')} as "receivedAt"
from ingest.freshness order by source, dataset`

// For each dataset and code a part of the index on open entries, and no more of it than is counted.
const REFUSED = /* sql */ `
select d.dataset, c.code, n.rows, ${iso('l.last_seen_at')} as "lastSeenAt"
from unnest($1::text[]) as d (dataset)
cross join unnest($2::text[]) as c (code)
cross join lateral (
  select count(*)::int as rows from (
    select from ingest.quarantine q
    where q.dataset = d.dataset and q.code = c.code and q.resolved_at is null
    limit $3
  ) open
) n
cross join lateral (
  select q.last_seen_at from ingest.quarantine q
  where q.dataset = d.dataset and q.code = c.code and q.resolved_at is null
  order by q.id desc limit 1
) l`

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

/** Reads how far every dataset of every source is complete. */
export async function readComplete(client: pg.ClientBase): Promise<Complete[]> {
  return (await client.query<Complete>(COMPLETE)).rows
}

/** Reads the open entries of these datasets, by code; those without any are left out. */
export async function readRefused(
  client: pg.ClientBase,
  datasets: readonly string[],
): Promise<Refused[]> {
  const { rows } = await client.query<Refused>(REFUSED, [datasets, ROW_CODES, COUNT_LIMIT + 1])
  return rows
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
    heartbeats: (await client.query<HqView['heartbeats'][number]>(HEARTBEATS)).rows,
  }
}
