import type { Dataset } from '@hq-export/contract'
import type pg from 'pg'
import { instantSql } from '../../db/instant-sql.ts'

/** A refusal that HQ keeps. */
export interface Quarantined {
  readonly id: string
  readonly source: string
  readonly code: string
  readonly pointer: string | null
  readonly detail: string | null
  readonly batch: string
  readonly deleted: boolean
  readonly traceId: string | null
  readonly capturedAt: string
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  readonly seenCount: number
  readonly resolution: string | null
  readonly resolvedAt: string | null
  readonly resolvedBy: string | null
}

/** A comparison that named the key. */
export interface NamedFinding {
  readonly run: string
  readonly source: string
  readonly finishedAt: string
  readonly kind: string
  readonly class: string
  readonly repair: string
  readonly reason: string | null
  readonly columns: readonly string[]
  readonly sourceVersion: string | null
  readonly hqVersion: string | null
}

/** What HQ's machinery knows of a row. */
export interface InLedgers {
  /** Newest first. */
  readonly quarantined: readonly Quarantined[]
  readonly findings: readonly NamedFinding[]
  /** First month of batches that is kept, such as 2026_10; null where there is none. */
  readonly firstMonth: string | null
}

const MAX_ENTRIES = 50

const QUARANTINED = `
select q.id::text as id, q.source, q.code, q.pointer, q.detail, q.batch, q.deleted,
  q.trace_id as "traceId", ${instantSql('q.captured_at')} as "capturedAt",
  ${instantSql('q.first_seen_at')} as "firstSeenAt",
  ${instantSql('q.last_seen_at')} as "lastSeenAt", q.seen_count as "seenCount", q.resolution,
  ${instantSql('q.resolved_at')} as "resolvedAt", q.resolved_by as "resolvedBy"
from ingest.quarantine q
where q.key = $2 and q.dataset = $1
order by q.id desc limit ${MAX_ENTRIES}`

const FINDINGS = `
select f.id::text as run, f.source, ${instantSql('r.finished_at')} as "finishedAt", r.kind,
  f.class, f.repair, f.reason, f.columns, f.source_version::text as "sourceVersion",
  f.hq_version::text as "hqVersion"
from ingest.reconciliation_finding f
join ingest.reconciliation r on r.source = f.source and r.id = f.id
where f.key = $2 and f.dataset = $1
order by r.finished_at desc, f.id limit ${MAX_ENTRIES}`

const FIRST_MONTH = `
select pg_catalog.min(pg_catalog.right(c.relname, 7)) as month
from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
where i.inhparent = 'ingest.batch'::regclass`

/** Reads what HQ has refused of a key, and which comparisons named it: look-ups by index. */
export async function readLedgers(
  client: pg.ClientBase,
  { name }: Dataset,
  key: string,
): Promise<InLedgers> {
  const { rows: quarantined } = await client.query<Quarantined>(QUARANTINED, [name, key])
  const { rows: findings } = await client.query<NamedFinding>(FINDINGS, [name, key])
  const { rows: months } = await client.query<{ month: string | null }>(FIRST_MONTH)
  return { quarantined, findings, firstMonth: months[0]?.month ?? null }
}
