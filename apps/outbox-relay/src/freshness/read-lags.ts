import type { DatasetLag } from '@hq-export/contract'
import type pg from 'pg'
import { type WaitingRows, waitingGroups } from '../outbox/waiting-rows.ts'

/*
 * Of each dataset the oldest row that no ack covers, and the oldest key that is to enter the outbox
 * once more. Reads, and waits for nobody.
 */
const LAGS = /* sql */ `
with now as materialized (
  select pg_catalog.clock_timestamp() as at
), lag as (
  select b.dataset, greatest(0, extract(epoch from now.at - pg_catalog.min(w.since)))::float8
    as seconds
  from now cross join hq_export.binding b
  left join (
    select g.dataset, g.oldest as since from ${waitingGroups('$1')}
    union all
    select r.dataset, r.noted_at from hq_export.reexport r
  ) w on w.dataset = b.number
  group by b.dataset, now.at
)
select pg_catalog.to_json(now.at) #>> '{}' as at, coalesce((
  select pg_catalog.json_agg(lag order by lag.dataset) from lag), '[]') as lags
from now`

/** What waits, by the source's clock. */
export interface Lags {
  readonly at: string
  readonly lags: DatasetLag[]
}

/**
 * How far HQ is behind with each bound dataset.
 * @param waiting what earlier looks have seen.
 */
export async function readLags(client: pg.ClientBase, waiting: WaitingRows): Promise<Lags> {
  const groups = await waiting.look(client)
  const [found] = (await client.query<Lags>({ name: 'lags', text: LAGS, values: [groups] })).rows
  if (found === undefined) throw new Error('the source has a clock')
  return found
}
