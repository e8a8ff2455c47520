/** Rows by a text: a column, a code, a value. Without a prototype, for keys come from rows. */
export type RowsBy = Readonly<Record<string, number>>

/**
 * What the rows of a batch were like (contract, Data Quality Checks), kept with its ledger entry.
 * Every number is a count that adds up, so that the profile of a window is the sum of those of its
 * batches; names of columns, statuses, operations, providers and types of events, and no other
 * value of a row.
 */
export interface Profile {
  /** Rows that came, by what became of each of them: the next six add up to it. */
  readonly rows: number
  readonly inserted: number
  readonly updated: number
  readonly superseded: number
  readonly duplicate: number
  readonly stale: number
  /** By code of the problem. */
  readonly refused: RowsBy
  /** Of all rows: sent as the last state of a deleted entity. */
  readonly deletes: number
  /** Of the body, decoded. */
  readonly bytes: number

  /*
   * From here on: of the rows that were inserted or updated, and of no other.
   */

  /** By name of a critical field, as the contract defines what is missing. NULL and '' are. */
  readonly missing: RowsBy
  /** NULLs by nullable column. */
  readonly nulls: RowsBy
  /** Empty texts by column. */
  readonly empty: RowsBy
  /** Values by column of timestamps that are more than 5 minutes ahead of HQ's clock. */
  readonly future: RowsBy
  /** By column of an end that lies before its start. */
  readonly reversed: RowsBy
  /** Values below zero by column. */
  readonly negative: RowsBy
  /** Values that are allowed and mean nothing, by column: no attempt, the nil uuid, HTTP 42. */
  readonly meaningless: RowsBy
  /** By column with a closed or open set of values, then by value (at most 64 characters). */
  readonly values: Readonly<Record<string, RowsBy>>
  /**
   * Runs by operation, provider ('' for none) and status; at most 200 of them in one profile.
   */
  readonly mix: Readonly<Record<string, Readonly<Record<string, RowsBy>>>>
  /** The other runs, by status. */
  readonly mixRest: RowsBy
  /** By seconds from capture to here: the power of two above them, as text; '0' for up to 1 s. */
  readonly delays: RowsBy
  /** By name of a column that the contract does not know; at most 20 of them. */
  readonly unknown: RowsBy
  /** Of the time column, as RFC 3339; null without rows. The only numbers that are no sums. */
  readonly first: string | null
  readonly last: string | null
}
