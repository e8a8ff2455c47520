import { parseRecord } from '@hq-export/runtime/parse-record.ts'
import type pg from 'pg'
import { type Severity, type Verdict, verdictSchema } from '../verdict.ts'

/** Which incidents a command is about: those that meet every condition given. */
export interface IncidentFilters {
  readonly source?: string | undefined
  readonly dataset?: string | undefined
  /** Those that are over, instead of the open ones. */
  readonly closed?: boolean | undefined
}

/** One incident; times as ISO 8601. */
export interface ListedIncident {
  readonly id: string
  readonly source: string
  readonly dataset: string
  readonly check: string
  readonly severity: Severity
  readonly beganAt: string
  readonly lastFailedAt: string
  readonly closedAt: string | null
  readonly acceptedAt: string | null
  readonly acceptedBy: string | null
  readonly note: string | null
  readonly repeats: number
  readonly cleanWindows: number
  /** The verdict that failed last. */
  readonly evidence: Verdict
}

const time = (column: string) => `pg_catalog.to_json(i.${column}) #>> '{}'`

const SELECT = /* sql */ `
select i.id::text as id, i.source, i.dataset, i.check_name as "check", i.severity,
  ${time('began_at')} as "beganAt", ${time('last_failed_at')} as "lastFailedAt",
  ${time('closed_at')} as "closedAt", ${time('accepted_at')} as "acceptedAt",
  i.accepted_by as "acceptedBy", i.note, i.repeats, i.clean_windows as "cleanWindows", i.evidence
from ingest.incident as i`

function incidentOf(row: ListedIncident): ListedIncident {
  const { id } = row
  const evidence = parseRecord(verdictSchema, row.evidence, {
    ...{ name: `incident ${id}`, table: 'ingest.incident', column: 'evidence' },
    where: `id = ${id}`,
  })
  return { ...row, evidence }
}

/** Lists incidents, the one that failed last first. */
export async function listIncidents(
  client: pg.ClientBase | pg.Pool,
  { source, dataset, closed = false }: IncidentFilters,
  limit: number,
): Promise<ListedIncident[]> {
  const { rows } = await client.query<ListedIncident>(
    `${SELECT}
     where (i.closed_at is not null) = $1
       and ($2::text is null or i.source = $2) and ($3::text is null or i.dataset = $3)
     order by i.last_failed_at desc, i.id limit $4`,
    [closed, source ?? null, dataset ?? null, limit],
  )
  return rows.map(incidentOf)
}

/** Reads one; undefined where there is none. */
export async function findIncident(
  client: pg.ClientBase | pg.Pool,
  id: string,
): Promise<ListedIncident | undefined> {
  const { rows } = await client.query<ListedIncident>(`${SELECT} where i.id = $1`, [id])
  return rows[0] && incidentOf(rows[0])
}
