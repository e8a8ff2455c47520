import { type BatchResult, batchResultSchema } from '@hq-export/contract'
import { z } from 'zod'

/*
 * What the ledger keeps of an answer. A row that changed nothing is told by its outcome and its
 * position alone, as ranges, because its key stands in the batch: a stale batch of 5,000 rows is 60
 * bytes instead of half a megabyte of WAL.
 */

const UNCHANGED = ['duplicate', 'stale', 'superseded'] as const
type Unchanged = (typeof UNCHANGED)[number]

const rangesSchema = z.array(z.tuple([z.int(), z.int()]))

const storedAnswerSchema = batchResultSchema.extend({
  /**
   * By outcome: first and last position of each run of rows. Answers of before have these rows in
   * `rows`.
   */
  unchanged: z.partialRecord(z.enum(UNCHANGED), rangesSchema).optional(),
})
type StoredAnswer = z.infer<typeof storedAnswerSchema>

function isUnchanged(outcome: string): outcome is Unchanged {
  return UNCHANGED.some((candidate) => candidate === outcome)
}

/** The answer as the ledger keeps it. */
export function toStored(answer: BatchResult): StoredAnswer {
  const unchanged: Partial<Record<Unchanged, [number, number][]>> = {}
  const rows: BatchResult['rows'] = []
  for (const row of answer.rows) {
    const { index, outcome } = row
    if (!isUnchanged(outcome)) {
      rows.push(row)
      continue
    }
    unchanged[outcome] ??= []
    const last = unchanged[outcome].at(-1)
    if (last !== undefined && last[1] === index - 1) last[1] = index
    else unchanged[outcome].push([index, index])
  }
  return { ...answer, rows, unchanged }
}

/**
 * The answer as it was given.
 * @param keyAt key of the row at a position of the same batch.
 */
export function fromStored(stored: unknown, keyAt: (index: number) => string | null): BatchResult {
  const { unchanged = {}, ...answer } = storedAnswerSchema.parse(stored)
  const rows = [...answer.rows]
  for (const outcome of UNCHANGED) {
    for (const [first, last] of unchanged[outcome] ?? []) {
      for (let index = first; index <= last; index++) {
        rows.push({ index, key: keyAt(index), outcome })
      }
    }
  }
  rows.sort((a, b) => a.index - b.index)
  return { ...answer, rows } as BatchResult
}
