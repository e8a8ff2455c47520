import type pg from 'pg'
import type { Binding } from '../binding-schema.ts'

/** What was recorded of a dataset when it was bound last. */
export interface PreviousBinding {
  readonly dataset: string
  readonly table: string
  readonly settles: boolean
  /** True where what it exported left out children by their time. */
  readonly countedByTime: boolean
  readonly hasSnapshots: boolean
  /** Since when every change of it is captured. */
  readonly capturedSince: string
  /**
   * Since when every version of its entities is exported; null while triggers keep those that are
   * replaced.
   */
  readonly historyCompleteAt: string | null
  /** When it began to settle, while rows from shortly before are not on the settle list yet. */
  readonly notingSince: string | null
}

const BOUND_BEFORE = /* sql */ `
select b.dataset, b.source_table as "table",
       pg_catalog.jsonb_exists(b.definition, 'settle') as settles,
       b.counted_by_time as "countedByTime",
       pg_catalog.jsonb_exists(b.definition, 'snapshot') as "hasSnapshots",
       b.captured_since::text as "capturedSince",
       b.history_complete_at::text as "historyCompleteAt", b.noting_since::text as "notingSince"
from hq_export.binding b`

/** Reads what is bound now. */
export async function readPreviousBindings(client: pg.ClientBase): Promise<PreviousBinding[]> {
  return (await client.query<PreviousBinding>(BOUND_BEFORE)).rows
}

/**
 * What was recorded of the same dataset of the same table: from another table everything is new.
 */
export function findPrevious(
  before: readonly PreviousBinding[],
  { dataset, table }: Pick<PreviousBinding, 'dataset' | 'table'>,
): PreviousBinding | undefined {
  return before.find((known) => known.dataset === dataset && known.table === table)
}

/** Datasets of the binding that need no triggers for their history any more. */
export function completeHistories(
  { datasets }: Pick<Binding, 'datasets'>,
  before: readonly PreviousBinding[],
): Set<string> {
  const complete = datasets.filter(
    (bound) =>
      bound.snapshot !== undefined &&
      (findPrevious(before, bound)?.historyCompleteAt ?? null) !== null,
  )
  return new Set(complete.map(({ dataset }) => dataset))
}
