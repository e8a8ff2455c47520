import { z } from 'zod'

/** What became of a row. All but `quarantined` are successes. */
export const OUTCOMES = [
  'inserted',
  'updated',
  'duplicate',
  'stale',
  'superseded',
  'quarantined',
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Why a row was quarantined: closed, machine-readable, on the wire and in both databases. */
export const ROW_CODES = [
  /** A column of the contract is not there. */
  'missing_column',
  /** The JSON type is not the one that the contract's type travels as. */
  'invalid_type',
  /** The type is right, the value is not: format, range, closed set. */
  'invalid_value',
  /** U+0000, which PostgreSQL cannot store. */
  'unrepresentable_nul',
  /** A lone UTF-16 surrogate, which UTF-8 cannot carry. */
  'unrepresentable_surrogate',
  /** The row is larger than the limit. */
  'row_too_large',
  /** The row holds a credential; it is kept without it. */
  'secret_detected',
  /** A column that holds references holds something else, such as the payload itself. */
  'not_a_reference',
  /** The signing key may not write this org. */
  'org_not_allowed',
  /** Same key and version as the stored row, other content. */
  'version_conflict',
  /** Same primary key as a stored row of an append-only dataset, other content. */
  'append_only_violation',
  /** The uniqueness guard holds another row. */
  'uniqueness_violation',
  /** HQ's database refused the value after validation had passed it. */
  'database_rejected',
] as const
export type RowCode = (typeof ROW_CODES)[number]

/** One row of the answer that was neither inserted nor updated. */
const rowResultSchema = z.object({
  /** Position in the request's `rows`, from 0. */
  index: z.int().min(0),
  /** Values of the primary key, joined by `/`; null where the row has none. */
  key: z.string().nullable(),
  outcome: z.enum(OUTCOMES),
  code: z.string().optional(),
  /** JSON pointer (RFC 6901) into the request's body. */
  pointer: z.string().optional(),
  detail: z.string().optional(),
})
export type RowResult = z.infer<typeof rowResultSchema> & { code?: RowCode | undefined }

const countsSchema = z.object({
  received: z.int().min(0),
  inserted: z.int().min(0),
  updated: z.int().min(0),
  duplicate: z.int().min(0),
  stale: z.int().min(0),
  superseded: z.int().min(0),
  quarantined: z.int().min(0),
})

/** Rows received and rows per outcome, zeros included. */
export type Counts = z.infer<typeof countsSchema>

/** Body of a 200: `partial` if and only if a row was quarantined. */
export const batchResultSchema = z.object({
  batch: z.string(),
  status: z.enum(['applied', 'partial']),
  counts: countsSchema,
  rows: z.array(rowResultSchema),
})
export type BatchResult = z.infer<typeof batchResultSchema>

/** Counts of a batch of which nothing has been decided yet. */
export function emptyCounts(received: number): Counts {
  return {
    received,
    inserted: 0,
    updated: 0,
    duplicate: 0,
    stale: 0,
    superseded: 0,
    quarantined: 0,
  }
}
