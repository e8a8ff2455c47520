import { datasetByNumber } from '@hq-export/contract'
import type pg from 'pg'

/** A row of the outbox as a test reads it. */
export interface Captured {
  readonly dataset: string
  readonly version: string | null
  readonly deleted: boolean
  readonly sqlstate: string | null
  readonly key: string | null
  readonly traceparent: string | null
  readonly captured_at: Date
  readonly body: string | null
  /** The body, parsed. */
  readonly row: Record<string, unknown>
}

const LAST_SEQ = 'select coalesce(pg_catalog.pg_sequence_last_value($1), 0) as seq'
const ROWS = [0, 1, 2]
  .map(
    (number) =>
      `select seq, dataset, version, deleted, sqlstate, key, traceparent, captured_at, body
       from hq_export.outbox_${number}`,
  )
  .join(' union all ')

/** What the outbox took while `work` ran, in order of capture. */
export async function capturing(
  client: pg.Client,
  work: () => Promise<unknown>,
): Promise<Captured[]> {
  const before = await client.query<{ seq: string }>(LAST_SEQ, ['hq_export.outbox_seq'])
  await work()
  const { rows } = await client.query<Omit<Captured, 'dataset' | 'row'> & { dataset: number }>(
    `select * from (${ROWS}) o where seq > $1 order by seq`,
    [before.rows[0]?.seq],
  )
  return rows.map((row) => ({
    ...row,
    dataset: datasetByNumber(row.dataset).name,
    row: JSON.parse(row.body ?? '{}') as Record<string, unknown>,
  }))
}

/** The captures of one dataset. */
export function ofDataset(rows: readonly Captured[], dataset: string): Captured[] {
  return rows.filter((row) => row.dataset === dataset)
}

/** `version` or `version!` for a delete, in order of capture: a history at a glance. */
export function versionsOf(rows: readonly Captured[], dataset: string): string[] {
  return ofDataset(rows, dataset).map(({ version, deleted }) => `${version}${deleted ? '!' : ''}`)
}
