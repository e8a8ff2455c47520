import type pg from 'pg'
import {
  findReconciliations,
  type ListedRun,
  listReconciliations,
  type RunFilters,
} from './list-reconciliations.ts'

/** A key that was not the same on both sides. */
export interface ShownFinding {
  readonly dataset: string
  readonly key: string
  readonly orgId: string | null
  readonly class: string
  readonly columns: readonly string[]
  readonly sourceVersion: string | null
  readonly hqVersion: string | null
  readonly reason: string | null
  readonly repair: string
}

/** Everything that is kept of one run. */
export interface ShownRun extends ListedRun {
  /** The first of them. */
  readonly findings: readonly ShownFinding[]
  /** How many there are. */
  readonly findingsKept: number
}

const FINDINGS = `
  select f.dataset, f.key, f.org_id::text as "orgId", f.class, f.columns,
    f.source_version::text as "sourceVersion", f.hq_version::text as "hqVersion", f.reason, f.repair
  from ingest.reconciliation_finding as f
  where f.source = $1 and f.id = $2::uuid order by f.position limit $3`

const COUNT = `
  select pg_catalog.count(*)::int4 as rows from ingest.reconciliation_finding as f
  where f.source = $1 and f.id = $2::uuid`

/**
 * Reads one run.
 * @param id a uuid, or `latest`: the one of `filters` that ended last.
 * @param limit findings at most.
 * @returns undefined where there is none.
 */
export async function showReconciliation(
  client: pg.ClientBase | pg.Pool,
  id: string,
  filters: RunFilters,
  limit: number,
): Promise<ShownRun | undefined> {
  const found =
    id === 'latest'
      ? await listReconciliations(client, filters, 1)
      : await findReconciliations(client, id)
  const run = found.find(({ source }) => source === (filters.source ?? source))
  if (run === undefined) return undefined
  const of = [run.source, run.id]
  const { rows: findings } = await client.query<ShownFinding>(FINDINGS, [...of, limit])
  const { rows: counts } = await client.query<{ rows: number }>(COUNT, of)
  return { ...run, findings, findingsKept: counts[0]?.rows ?? 0 }
}
