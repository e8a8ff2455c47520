import { z } from 'zod'
import { CHECKSUM_ALGORITHMS } from '../checksum/checksum-spec.ts'
import { int8Schema, timestampSchema, uuidSchema } from '../rows/wire-value.ts'
import { countSchema, digestScopeSchema } from './digest.ts'
import { SOURCE_PATTERN } from './envelope.ts'
import { LIMITS } from './limits.ts'

/**
 * How a reconciliation ended. `repaired`: what differed was sent once more, and nobody has read it
 * again since. `undecided` is never good: it could not be told.
 */
export const RECONCILIATION_STATES = ['equal', 'different', 'repaired', 'undecided'] as const
export type ReconciliationState = (typeof RECONCILIATION_STATES)[number]

/** What a key that is not the same on both sides is. */
export const FINDING_CLASSES = [
  /** The source has it, HQ has not. */
  'missing',
  /** HQ has an older version. */
  'stale',
  /** Same key, and version where there is one; other content. */
  'different',
  /** HQ has a newer version than the source: was the source restored? */
  'ahead',
  /** HQ has it, the source has not, and it was not deleted there. */
  'extra',
  /** HQ has the key as a row of another source: nothing that the source sends changes that. */
  'foreign',
  /** Held back by a dead letter or a quarantine entry: known, and not a difference. */
  'refused',
] as const
export type FindingClass = (typeof FINDING_CLASSES)[number]

/** What became of the repair of a finding. */
export const REPAIR_STATES = [
  /** Not tried: nobody asked for it, or there were too many. */
  'none',
  /** Sent once more. */
  'sent',
  /** It could not be sent; or was by an earlier run, and differs as it did. */
  'failed',
  /** No delivery can mend it. */
  'not_repairable',
] as const
export type RepairState = (typeof REPAIR_STATES)[number]

const versionSchema = int8Schema.nullable()

/** A key that differs, without any value of its row but the key and the versions. */
export const findingSchema = z.object({
  dataset: z.string().min(1).max(63),
  key: z.string().min(1).max(256),
  org_id: uuidSchema.nullable(),
  class: z.enum(FINDING_CLASSES),
  /** Names of the columns that differ. */
  columns: z.array(z.string().max(63)).max(64),
  source_version: versionSchema,
  hq_version: versionSchema,
  /** Of `refused`: why. Of another class: what is wrong with HQ's row beside, if anything. */
  reason: z.string().max(200).nullable(),
  repair: z.enum(REPAIR_STATES),
})
export type Finding = z.infer<typeof findingSchema>

/** What one dataset of a reconciliation came to. */
const datasetReconciliationSchema = z.object({
  dataset: z.string().min(1).max(63),
  state: z.enum(RECONCILIATION_STATES),
  /** Why it is `undecided`; null where it is not. */
  reason: z.string().max(200).nullable(),
  algorithm: z.enum(CHECKSUM_ALGORITHMS).nullable(),
  spec: z.string().max(32).nullable(),
  source_rows: countSchema,
  hq_rows: countSchema,
  /** Keys that changed all the while, so that they could not be compared. */
  in_flight: countSchema,
  /** Share of the rows in scope that was compared, 0 to 1. */
  coverage: z.number().min(0).max(1),
  /** A class that is not there was found nowhere, or is one that the program did not know yet. */
  findings: z.partialRecord(z.enum(FINDING_CLASSES), countSchema),
  repairs: z.record(z.enum(REPAIR_STATES), countSchema),
  /** Rows without a value by critical field, at the source and in HQ. */
  nulls: z.record(z.string(), z.tuple([countSchema, countSchema])),
  /** Rows by `status`, at the source and in HQ. */
  statuses: z.record(z.string(), z.tuple([countSchema, countSchema])),
  duration_ms: countSchema,
})
export type DatasetReconciliation = z.infer<typeof datasetReconciliationSchema>

/** Body of `POST /v1/reconciliations`: a reconciliation that has ended. */
export const reconciliationSchema = z.object({
  source: z.string().regex(SOURCE_PATTERN),
  schema_version: z.string().min(1).max(16),
  id: uuidSchema,
  /** What began it. */
  kind: z.enum(['command', 'daily', 'follow']),
  state: z.enum(RECONCILIATION_STATES),
  started_at: timestampSchema,
  finished_at: timestampSchema,
  scope: digestScopeSchema,
  repair: z.boolean(),
  /** The program that compared. */
  version: z.string().max(64),
  datasets: z.array(datasetReconciliationSchema).min(1).max(64),
  /** The first of the findings. */
  findings: z.array(findingSchema).max(LIMITS.maxFindings),
})
export type Reconciliation = z.infer<typeof reconciliationSchema>

/** Body of its answer. */
export const reconciliationAnswerSchema = z.object({ id: uuidSchema, replayed: z.boolean() })
export type ReconciliationAnswer = z.infer<typeof reconciliationAnswerSchema>
