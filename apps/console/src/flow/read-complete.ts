import type pg from 'pg'

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

const iso = (column: string) => `pg_catalog.to_json(${column}) #>> '{}'`

const COMPLETE = /* sql */ `
select source, dataset, ${iso('complete_through')} as "completeThrough",
  case when complete_through is not null then greatest(
    extract(epoch from pg_catalog.clock_timestamp() - complete_through), 0)::float8
  end as "lagSeconds",
  schema_version as "schemaVersion", ${iso('received_at')} as "receivedAt"
from ingest.freshness order by source, dataset`

/** Reads how far every dataset of every source is complete. */
export async function readComplete(client: pg.ClientBase): Promise<Complete[]> {
  return (await client.query<Complete>(COMPLETE)).rows
}
