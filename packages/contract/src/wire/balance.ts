import { z } from 'zod'
import { countSchema } from './digest.ts'

/** What may have become of a row of the outbox; `waiting`: nothing yet. */
export const BALANCE_PARTS = [
  'inserted',
  'updated',
  'superseded',
  'duplicate',
  'stale',
  'refused',
  'filtered',
  'waiting',
] as const
export type BalancePart = (typeof BALANCE_PARTS)[number]

const parts = {
  inserted: countSchema,
  updated: countSchema,
  superseded: countSchema,
  duplicate: countSchema,
  stale: countSchema,
  refused: countSchema,
  filtered: countSchema,
  waiting: countSchema,
} satisfies Record<BalancePart, typeof countSchema>

/** Rows of a dataset that a source captured on one UTC day of its clock, and what became of them. */
export const balanceRowSchema = z.object({
  day: z.iso.date(),
  dataset: z.string().min(1).max(63),
  captured: countSchema,
  ...parts,
})
export type BalanceRow = z.infer<typeof balanceRowSchema>

/** Days and datasets of one source, as it tells HQ of them. */
export const balanceSchema = z.array(balanceRowSchema).max(1_000)

/**
 * Rows that were captured and of which nobody knows what became; below 0, of which more than one
 * thing did. 0 where the day adds up.
 */
export function balanceDifference(row: BalanceRow): number {
  return row.captured - BALANCE_PARTS.reduce((sum, part) => sum + row[part], 0)
}
