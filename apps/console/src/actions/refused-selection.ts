import { UUID_PATTERN } from '@hq-export/contract'
import { conditionOf } from '@hq-export/hq-ingest/quarantine/selection.ts'
import { z } from 'zod'
import type { SideName } from './action.ts'

/** Which refused rows: these ids, or open ones that meet every condition given. */
export const refusedSelectionSchema = z.object({
  ids: z
    .array(z.string().regex(/^[1-9]\d{0,17}$/))
    .min(1)
    .max(1_000)
    .optional(),
  dataset: z.string().max(200).optional(),
  /** Code. */
  reason: z.string().max(200).optional(),
  /** Where in the row; '' where nobody says. */
  pointer: z.string().max(300).optional(),
  /** HQ alone knows it of a refused row. */
  org: z.string().regex(UUID_PATTERN).optional(),
})
export type RefusedSelection = z.infer<typeof refusedSelectionSchema>

/** A condition in SQL and its parameters, from `$1` on. */
export interface Condition {
  readonly text: string
  readonly values: unknown[]
}

/** The selection over `hq_export.dead_letter as d`: only what was given, so it finds its index. */
function lettersCondition({ ids, dataset, reason, pointer }: RefusedSelection): Condition {
  const values: unknown[] = []
  const parts: string[] = []
  if (ids === undefined) parts.push('d.resolved_at is null')
  else parts.push(`d.id = any ($${values.push(ids)}::bigint[])`)
  if (dataset !== undefined) parts.push(`d.dataset = $${values.push(dataset)}`)
  if (reason !== undefined) parts.push(`d.reason = $${values.push(reason)}`)
  if (pointer !== undefined) parts.push(`d.pointer = $${values.push(pointer)}`)
  return { text: parts.join(' and '), values }
}

/** The table of refused rows of a side, under an alias, and the condition of a selection. */
export function refusedRows(
  side: SideName,
  selection: RefusedSelection,
): Condition & { readonly from: string; readonly alias: string } {
  return side === 'hq'
    ? { from: 'ingest.quarantine as q', alias: 'q', ...conditionOf(selection) }
    : { from: 'hq_export.dead_letter as d', alias: 'd', ...lettersCondition(selection) }
}
