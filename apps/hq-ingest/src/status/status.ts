import { DATASETS } from '@hq-export/contract'
import { count, desc, isNull, max, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { connectPlain } from '../db/connect.ts'
import { findForeignCode } from '../db/foreign-code.ts'
import { assertSeesAll } from '../db/hidden-tables.ts'
import { hqMigrations } from '../db/migrations.ts'
import { batch, heartbeat, quarantine, reconciliation } from '../db/schema.ts'

/** What HQ holds; instants in ISO 8601, UTC. */
export interface Status {
  /**
   * The planner's estimate, so that asking costs nothing on large tables; null before the first
   * analyze.
   */
  readonly tables: readonly { readonly dataset: string; readonly rowsEstimate: number | null }[]
  readonly sources: readonly {
    readonly source: string
    readonly batches: number
    readonly lastBatchAt: string
  }[]
  readonly heartbeats: readonly { readonly source: string; readonly sourceTs: string }[]
  /** How far each dataset of each source is complete; null while that is not known. */
  readonly freshness: readonly {
    readonly source: string
    readonly dataset: string
    readonly completeThrough: string | null
    readonly lagSeconds: number | null
    readonly openRefused: number
  }[]
  /** The one of each source that ended last. */
  readonly reconciliations: readonly {
    readonly source: string
    readonly id: string
    readonly kind: string
    readonly state: string
    readonly finishedAt: string
  }[]
  /** Open entries only. */
  readonly quarantine: readonly {
    readonly dataset: string
    readonly reason: string
    readonly rows: number
  }[]
  /**
   * Objects of ours that run code which is neither PostgreSQL's nor ours, a sentence each; absent
   * where there is none.
   */
  readonly foreignCode?: readonly string[]
}

const instantText = (column: Parameters<typeof max>[0] | ReturnType<typeof sql>) =>
  sql<string>`pg_catalog.to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

async function readTables(db: NodePgDatabase): Promise<Status['tables']> {
  const names = sql.join(
    DATASETS.map(({ name }) => sql`${name}`),
    sql`, `,
  )
  const { rows } = await db.execute<{ dataset: string; rowsEstimate: number | null }>(sql`
    select c.relname as dataset, nullif(c.reltuples, -1)::float8 as "rowsEstimate"
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'hq' and c.relname in (${names})
    order by c.relname`)
  return rows
}

async function readFreshness(db: NodePgDatabase): Promise<Status['freshness']> {
  const { rows } = await db.execute<Status['freshness'][number]>(sql`
    select source, dataset, ${instantText(sql`complete_through`)} as "completeThrough",
      extract(epoch from lag)::float8 as "lagSeconds", open_refused::int as "openRefused"
    from hq.dx_freshness
    order by source, dataset`)
  return rows
}

/**
 * Reads the state of HQ with a connection of its own.
 * @throws {MigrationStateError} where HQ has other migrations than this build; or the error of
 * connecting.
 */
export async function readStatus(databaseUrl: string): Promise<Status> {
  const client = await connectPlain(databaseUrl)
  try {
    await hqMigrations.assertApplied(client)
    await assertSeesAll(client)
    const foreignCode = await findForeignCode(client)
    const db = drizzle(client)
    return {
      tables: await readTables(db),
      sources: await db
        .select({
          source: batch.source,
          batches: count(),
          lastBatchAt: instantText(max(batch.receivedAt)),
        })
        .from(batch)
        .groupBy(batch.source)
        .orderBy(batch.source),
      heartbeats: await db
        .select({ source: heartbeat.source, sourceTs: instantText(heartbeat.sourceTs) })
        .from(heartbeat)
        .orderBy(heartbeat.source),
      freshness: await readFreshness(db),
      reconciliations: await db
        .selectDistinctOn([reconciliation.source], {
          source: reconciliation.source,
          id: reconciliation.id,
          kind: reconciliation.kind,
          state: reconciliation.state,
          finishedAt: instantText(reconciliation.finishedAt),
        })
        .from(reconciliation)
        .orderBy(reconciliation.source, desc(reconciliation.finishedAt)),
      quarantine: await db
        .select({ dataset: quarantine.dataset, reason: quarantine.code, rows: count() })
        .from(quarantine)
        .where(isNull(quarantine.resolvedAt))
        .groupBy(quarantine.dataset, quarantine.code)
        .orderBy(desc(count()), quarantine.dataset, quarantine.code),
      ...(foreignCode.length === 0 ? {} : { foreignCode }),
    }
  } finally {
    await client.end()
  }
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, ...(lines.length === 0 ? ['none'] : lines).map((line) => `  ${line}`)]
}

/** The status for a terminal. */
export function printStatus(status: Status): string {
  const { foreignCode = [] } = status
  return [
    ...section(
      'datasets (estimated rows)',
      status.tables.map(({ dataset, rowsEstimate }) => `${dataset}  ${rowsEstimate ?? 'unknown'}`),
    ),
    ...section(
      'sources',
      status.sources.map(
        ({ source, batches, lastBatchAt }) => `${source}  ${batches} batches, last ${lastBatchAt}`,
      ),
    ),
    ...section(
      'heartbeats',
      status.heartbeats.map(({ source, sourceTs }) => `${source}  ${sourceTs}`),
    ),
    ...section(
      'complete through (by the clock of the source)',
      status.freshness.map(
        ({ source, dataset, completeThrough, lagSeconds, openRefused }) =>
          `${source}  ${dataset}  ${completeThrough ?? 'not known'}` +
          `${lagSeconds === null ? '' : `, ${Math.round(lagSeconds)} s ago`}` +
          `${openRefused === 0 ? '' : `, but for ${openRefused} refused rows`}`,
      ),
    ),
    ...section(
      'reconciliations (the last of each source)',
      status.reconciliations.map(
        ({ source, id, kind, state, finishedAt }) =>
          `${source}  ${state}  ${kind}, ${finishedAt}, ${id}`,
      ),
    ),
    ...section(
      'quarantine (open)',
      status.quarantine.map(({ dataset, reason, rows }) => `${dataset}  ${reason}  ${rows}`),
    ),
    ...(foreignCode.length === 0
      ? []
      : section('code that is not ours and runs in HQ: drop what it is', foreignCode)),
  ].join('\n')
}
