import type { DatasetLag } from '@hq-export/contract'
import type pg from 'pg'
import { unionOfOutbox } from '../outbox/outbox-tables.ts'
import { EMPTY_SNAPSHOT } from '../outbox/tick.ts'

/*
 * Of each dataset the oldest row that no ack covers, and the oldest key that is to enter the outbox
 * once more. Rows below the acked snapshot's xmin are settled: the index skips what is only
 * retained. Reads, and waits for nobody.
 */
const LAGS = /* sql */ `
with a as materialized (
  select coalesce((
    select acked from hq_export.ack where epoch = $1 order by id desc limit 1
  ), '${EMPTY_SNAPSHOT}'::pg_snapshot) as acked
), now as materialized (
  select pg_catalog.clock_timestamp() as at
), lag as (
  select b.dataset, greatest(0, extract(epoch from now.at - pg_catalog.min(w.since)))::float8
    as seconds
  from now cross join hq_export.binding b
  left join (
    select o.dataset, pg_catalog.min(o.captured_at) as since
    from a cross join lateral (
      ${unionOfOutbox(
        (table) => `select dataset, xid, captured_at from ${table}
      where xid >= pg_catalog.pg_snapshot_xmin(a.acked)`,
      )}
    ) o
    where not pg_catalog.pg_visible_in_snapshot(o.xid, a.acked)
    group by o.dataset
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

/** How far HQ is behind with each bound dataset. */
export async function readLags(client: pg.ClientBase, epoch: string): Promise<Lags> {
  const [found] = (await client.query<Lags>({ name: 'lags', text: LAGS, values: [epoch] })).rows
  if (found === undefined) throw new Error('the source has a clock')
  return found
}
