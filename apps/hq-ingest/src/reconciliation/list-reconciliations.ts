import { type DatasetReconciliation, reconciliationSchema } from '@hq-export/contract'
import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'

/** Which runs a command is about: those that meet every condition given. */
export interface RunFilters {
  readonly source?: string | undefined
  readonly kind?: string | undefined
  readonly state?: string | undefined
  /** Only those that had ended before this moment, ISO 8601. */
  readonly before?: string | undefined
}

/** One run without its findings. */
export interface ListedRun {
  readonly id: string
  readonly source: string
  readonly kind: string
  readonly state: string
  readonly startedAt: string
  readonly finishedAt: string
  readonly receivedAt: string
  readonly repair: boolean
  readonly version: string
  /** The only orgs that it speaks of; null for all. */
  readonly orgs: readonly string[] | null
  readonly scope: unknown
  readonly datasets: readonly DatasetReconciliation[]
}

function runOf(row: ListedRun): ListedRun {
  const { id } = row
  const datasets = parseRecord(reconciliationSchema.shape.datasets, row.datasets, {
    ...{ name: `comparison ${id}`, table: 'ingest.reconciliation', column: 'datasets' },
    where: `id = '${id}'`,
  })
  return { ...row, datasets }
}

function selectRuns(condition: string): string {
  return `select r.id::text as id, r.source, r.kind, r.state,
    pg_catalog.to_json(r.started_at) #>> '{}' as "startedAt",
    pg_catalog.to_json(r.finished_at) #>> '{}' as "finishedAt",
    pg_catalog.to_json(r.received_at) #>> '{}' as "receivedAt",
    r.repair, r.version, r.orgs::text[] as orgs, r.scope, r.datasets
  from ingest.reconciliation as r
  where ${condition}`
}

/** Lists runs, the one that ended last first. */
export async function listReconciliations(
  client: pg.ClientBase | pg.Pool,
  { source, kind, state, before }: RunFilters,
  limit: number,
): Promise<ListedRun[]> {
  const parts: string[] = ['true']
  const values: unknown[] = []
  for (const [column, value] of Object.entries({ source, kind, state })) {
    if (value !== undefined) parts.push(`r.${column} = $${values.push(value)}`)
  }
  if (before !== undefined) parts.push(`r.finished_at < $${values.push(before)}::timestamptz`)
  const { rows } = await client.query<ListedRun>(
    `${selectRuns(parts.join(' and '))} order by r.finished_at desc, r.id
     limit $${values.push(limit)}`,
    values,
  )
  return rows.map(runOf)
}

/** Reads the runs of an id, of every source that has one. */
export async function findReconciliations(
  client: pg.ClientBase | pg.Pool,
  id: string,
): Promise<ListedRun[]> {
  const { rows } = await client.query<ListedRun>(selectRuns('r.id = $1::uuid'), [id])
  return rows.map(runOf)
}
