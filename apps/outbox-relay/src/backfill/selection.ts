/**
 * What a backfill is to send: everything that is bound, unless narrowed. Timestamps are
 * PostgreSQL's text, never a Date.
 */
export interface BackfillSelection {
  /** Contract name; null for every bound dataset. */
  readonly dataset: string | null
  /** Inclusive lower bound of the dataset's time column. */
  readonly since: string | null
  /** Exclusive upper bound of the dataset's time column. */
  readonly until: string | null
  readonly orgId: string | null
}

/** The part of a {@link BackfillSelection} that decides row by row. */
export type RowSelection = Omit<BackfillSelection, 'dataset'>
