import { z } from 'zod'
import { timestampSchema } from '../rows/wire-value.ts'
import { balanceSchema } from './balance.ts'
import { countSchema } from './digest.ts'
import { EPOCH_PATTERN, SOURCE_PATTERN } from './envelope.ts'
import { RECONCILIATION_STATES } from './reconciliation.ts'

const MAX_LAG_SECONDS = 1e9
const datasetName = z.string().min(1).max(63)

/** How far one dataset is complete, as its source knows. */
const datasetReportSchema = z.object({
  dataset: datasetName,
  /**
   * Every transaction whose COMMIT had returned before this moment, on the source's clock, is in HQ
   * or refused by name. Null where something holds it back: what HQ has of this epoch stands.
   */
  complete_through: timestampSchema.nullable(),
  /** Open dead letters that HQ has never seen, so that its quarantine cannot count them. */
  refused: countSchema,
})

/** How far HQ is behind with one dataset, as its source knows. */
const datasetLagSchema = z.object({
  dataset: datasetName,
  /** Age of the oldest row of it that HQ has not decided, on the source's clock; 0: none waits. */
  seconds: z.number().min(0).max(MAX_LAG_SECONDS),
})
export type DatasetLag = z.infer<typeof datasetLagSchema>

/** Body of `POST /v1/freshness`. Members that are not known are ignored. */
export const freshnessReportSchema = z.object({
  source: z.string().regex(SOURCE_PATTERN),
  schema_version: z.string().min(1).max(16),
  /** Life of the source: a moment of another one is not compared with this. */
  epoch: z.string().regex(EPOCH_PATTERN),
  /** The source's clock when it looked. */
  at: timestampSchema,
  datasets: z.array(datasetReportSchema).max(64),
  /** What waits now. Told by itself where nothing can be said of how far datasets are complete. */
  lags: z.array(datasetLagSchema).max(64).optional(),
  /** What was captured on days that are not long ago, and what became of it. */
  balance: balanceSchema.optional(),
})
export type FreshnessReport = z.infer<typeof freshnessReportSchema>

/** Body of its answer. */
export const freshnessAnswerSchema = z.object({
  /** False where HQ knows a later life of the source: nothing was stored. */
  stored: z.boolean(),
})
export type FreshnessAnswer = z.infer<typeof freshnessAnswerSchema>

const datasetFreshnessSchema = z.object({
  dataset: datasetName,
  complete_through: timestampSchema.nullable(),
  /**
   * How far HQ is behind with this dataset: age of the oldest row that it has not decided, as the
   * source said last, and the time since then. Null where it has not said.
   */
  lag_seconds: z.number().min(0).nullable(),
  /** Null for a key that is limited to orgs, and so are the next two. */
  open_refused: countSchema.nullable(),
  reconciled_at: timestampSchema.nullable(),
  reconciled_state: z.enum(RECONCILIATION_STATES).nullable(),
  schema_version: z.string(),
})
export type DatasetFreshness = z.infer<typeof datasetFreshnessSchema>

/** Body of the answer of `GET /v1/freshness`. */
export const freshnessSchema = z.object({
  source: z.string(),
  datasets: z.array(datasetFreshnessSchema),
})
export type Freshness = z.infer<typeof freshnessSchema>
