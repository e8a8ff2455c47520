import { type Counts, emptyCounts, OUTCOMES } from '@hq-export/contract'
import { z } from 'zod'
import type { Pass } from './pass.ts'

const count = z.number().int().nonnegative()

const countsSchema = z.object({
  received: count,
  ...(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, count])) as Record<
    (typeof OUTCOMES)[number],
    typeof count
  >),
})

const passProgressSchema = z.object({
  kind: z.enum(['rows', 'snapshots', 'deletes']),
  dataset: z.string(),
  snapshots: z.enum(['none', 'current', 'all']),
  /** Key up to which every row is settled in HQ; null before the first. */
  after: z.array(z.string()).nullable(),
  isDone: z.boolean(),
  /** Rows that this pass will look at, as the planner guesses. */
  estimated: count,
  /** Rows that were looked at, up to `after`. */
  scanned: count,
  /** Rows that HQ has decided, by outcome; an entity and its snapshot are two. */
  counts: countsSchema,
  /** Rows that became dead letters. */
  refused: count,
})

/** What `hq_export.backfill.progress` holds. */
export const backfillProgressSchema = z.object({
  passes: z.array(passProgressSchema),
  /** Time in which somebody worked on it, in ms. */
  activeMs: z.number().nonnegative(),
})

export type PassProgress = z.infer<typeof passProgressSchema>
export type BackfillProgress = z.infer<typeof backfillProgressSchema>

/** A pass before its first row. */
export function beginPass(pass: Pass, estimated: number): PassProgress {
  return {
    ...pass,
    after: null,
    isDone: false,
    estimated,
    scanned: 0,
    counts: emptyCounts(0),
    refused: 0,
  }
}

function addCounts(a: Counts, b: Counts): Counts {
  const sum = { ...a, received: a.received + b.received }
  for (const outcome of OUTCOMES) sum[outcome] += b[outcome]
  return sum
}

/** What became of one chunk. */
export interface ChunkResult {
  readonly last: readonly string[]
  readonly scanned: number
  readonly counts: Counts
  readonly refused: number
}

/** A pass that has come one chunk further. */
export function advance(pass: PassProgress, chunk: ChunkResult): PassProgress {
  return {
    ...pass,
    after: [...chunk.last],
    scanned: pass.scanned + chunk.scanned,
    counts: addCounts(pass.counts, chunk.counts),
    refused: pass.refused + chunk.refused,
  }
}

/** Sum of a backfill over its passes. */
export interface BackfillTotals {
  readonly scanned: number
  /** Never less than what was looked at already. */
  readonly estimated: number
  readonly refused: number
  readonly counts: Counts
}

/** Adds up the passes. */
export function totalsOf({ passes }: BackfillProgress): BackfillTotals {
  return {
    scanned: passes.reduce((sum, { scanned }) => sum + scanned, 0),
    estimated: passes.reduce(
      (sum, { isDone, scanned, estimated }) =>
        sum + (isDone ? scanned : Math.max(scanned, estimated)),
      0,
    ),
    refused: passes.reduce((sum, { refused }) => sum + refused, 0),
    counts: passes.reduce((sum, { counts }) => addCounts(sum, counts), emptyCounts(0)),
  }
}
