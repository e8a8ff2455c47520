import { z } from 'zod'
import { expression, sourceColumn, sourceTable } from './binding-values.ts'

const LONGEST_DELAY_SECONDS = 3600

/**
 * Rows that are complete only once other rows have come: when they are exported, and what is read
 * of the others.
 */
export const settle = z.strictObject({
  /** How long other rows may complete a row after it was written. */
  delaySeconds: z.number().min(0).max(LONGEST_DELAY_SECONDS).default(60),
  /** Column with the row's creation: which rows are still young when the dataset is bound. */
  createdAt: sourceColumn,
  children: z.strictObject({
    table: sourceTable,
    /** Column that identifies a child. */
    key: sourceColumn,
    /** Column of the child with the key of its row. */
    parent: sourceColumn,
    /** Column with the child's creation; what counts is when it was written. */
    createdAt: sourceColumn,
    /**
     * Name to SQL aggregate over the children `c` that count; the dataset's expressions use it as
     * `s.<name>`.
     */
    columns: z.record(z.string(), expression),
  }),
})

/** A number within a group, rising: counted over the rows of the table as they are. */
export const sequence = z.strictObject({
  /** Contract column that carries it. */
  column: z.string().min(1),
  partitionBy: z.array(sourceColumn).min(1),
  orderBy: z.array(sourceColumn).min(1),
})

/** Versions of an entity from before its changes were captured. */
const history = z.strictObject({
  table: sourceTable,
  /** SQL over the history row `h` and the entity row `r`: they belong together. */
  match: expression,
  version: expression,
  payload: expression,
  capturedAt: expression,
  sourceRunId: expression.default('null'),
  /**
   * SQL over `r`: when the entity's present life began; older history belongs to an entity that was
   * deleted.
   */
  entityCreatedAt: expression,
})

/** Where the row of dx_entity_snapshots_v1 comes from. */
export const snapshot = z.strictObject({
  payload: expression,
  /**
   * Given: only keys named like contract columns of the entity leave, and these. Absent: the whole
   * payload leaves.
   */
  payloadKeys: z.array(z.string().min(1)).optional(),
  capturedAt: expression,
  sourceRunId: expression.default('null'),
  history: history.optional(),
})
