import { transact } from '@hq-export/runtime/postgres/transact.ts'
import type pg from 'pg'
import { instantSql } from '../../db/instant-sql.ts'

/** A source, as HQ knows it. */
export interface KnownSource {
  readonly source: string
  /** Its clock in its newest heartbeat, and HQ's when it arrived. */
  readonly heartbeatTs: string | null
  readonly heartbeatAt: string | null
  readonly heartbeatAgeMs: number | null
  readonly epoch: string | null
  readonly lastBatchAt: string | null
  readonly lastUsedAt: string | null
  /** Keys of HQ's that sign now, or will. */
  readonly liveKeys: number
  /** Version of the relay, as its newest reconciliation said, and when that was. */
  readonly version: string | null
  readonly versionAt: string | null
}

/** How far a dataset of a source is complete in HQ. */
export interface SourceDataset {
  readonly source: string
  readonly dataset: string
  readonly completeThrough: string | null
  readonly lagMs: number | null
  readonly toldAt: string
  /** Open dead letters of the source that HQ has never seen. */
  readonly refused: number
  readonly schemaVersion: string
}

/** Sessions of gateways that come from one machine. */
export interface GatewaySessions {
  /** Null for a socket of the server's own machine, and where it may not be seen. */
  readonly address: string | null
  readonly sessions: number
  readonly since: string | null
}

/** What HQ knows of those who send. */
export interface Senders {
  readonly sources: readonly KnownSource[]
  readonly datasets: readonly SourceDataset[]
  readonly gateways: readonly GatewaySessions[]
}

const ageMs = (expression: string): string =>
  `(extract(epoch from pg_catalog.clock_timestamp() - ${expression}) * 1000)::float8`

// A source is one that has a key, or has ever sent. Each other fact is one look-up by an index.
const SOURCES = `
with known as (
  select h.source from ingest.heartbeat h
  union select f.source from ingest.freshness_epoch f
  union select u.source from ingest.key_use u
  union select k.source from ingest.key k
)
select n.source, ${instantSql('h.source_ts')} as "heartbeatTs",
  ${instantSql('h.received_at')} as "heartbeatAt", ${ageMs('h.received_at')} as "heartbeatAgeMs",
  coalesce(h.epoch, e.epoch) as epoch, ${instantSql('b.received_at')} as "lastBatchAt",
  (select ${instantSql('max(u.last_used_at)')} from ingest.key_use u where u.source = n.source)
    as "lastUsedAt",
  (select count(*)::int from ingest.key k
    where k.source = n.source and k.revoked_at is null
      and (k.not_after is null or k.not_after > pg_catalog.clock_timestamp())) as "liveKeys",
  r.version, ${instantSql('r.finished_at')} as "versionAt"
from known n
left join ingest.heartbeat h on h.source = n.source
left join ingest.freshness_epoch e on e.source = n.source
left join lateral (
  select b.received_at from ingest.batch b where b.source = n.source
  order by b.received_at desc limit 1
) b on true
left join lateral (
  select r.version, r.finished_at from ingest.reconciliation r where r.source = n.source
  order by r.finished_at desc limit 1
) r on true
order by n.source`

const DATASETS = `
select f.source, f.dataset, ${instantSql('f.complete_through')} as "completeThrough",
  greatest(0, ${ageMs('f.complete_through')}) as "lagMs", ${instantSql('f.told_at')} as "toldAt",
  f.refused::float8 as refused, f.schema_version as "schemaVersion"
from ingest.freshness f order by f.source, f.dataset`

const GATEWAYS = `
select pg_catalog.host(a.client_addr) as address, count(*)::int as sessions,
  ${instantSql('min(a.backend_start)')} as since
from pg_catalog.pg_stat_activity a
where a.datname = pg_catalog.current_database()
  and a.application_name in ('hq-ingest', 'hq-ingest compare', 'hq-ingest readiness')
group by a.client_addr order by 1`

/** Reads who sends to HQ, and which gateways take it. */
export async function readSenders(client: pg.ClientBase): Promise<Senders> {
  const { rows: sources } = await client.query<KnownSource>(SOURCES)
  const { rows: datasets } = await client.query<SourceDataset>(DATASETS)
  // As the login role, like the status of the relay: others are not shown where sessions are from.
  const gateways = await transact(
    client,
    async () => {
      await client.query('set local role none')
      return (await client.query<GatewaySessions>(GATEWAYS)).rows
    },
    { mode: 'read only' },
  )
  return { sources, datasets, gateways }
}
