import { MAX_STATEMENT_FAULTS } from '@hq-export/runtime/postgres/row-fault.ts'

/** What became of items that were tried together. */
export type Attempt =
  /** All of them are done. */
  | 'done'
  /** One of them, at least, is at fault. */
  | 'row'
  /** As `row`; the statement may be wrong for all of them, as where a column is missing. */
  | 'statement'
  /** None of them can be done now. */
  | 'none'

/**
 * Finds by halves what cannot be done, so that one that is at fault holds up no other. Where every
 * statement is wrong, most items are not tried.
 * @param attempt tries items together; what it did of them is undone unless it says `done`.
 * @returns the items that are not done.
 */
export async function findRefused<T>(
  items: readonly T[],
  attempt: (items: readonly T[]) => Promise<Attempt>,
): Promise<readonly T[]> {
  let faults = 0
  async function half(part: readonly T[]): Promise<readonly T[]> {
    if (part.length === 0) return []
    if (faults >= MAX_STATEMENT_FAULTS) return part
    const isAlone = part.length === 1
    const result = await attempt(part)
    if (result === 'done') {
      faults = 0
      return []
    }
    if (isAlone && result === 'statement') faults++
    if (isAlone || result === 'none') return part
    const middle = part.length >> 1
    return [...(await half(part.slice(0, middle))), ...(await half(part.slice(middle)))]
  }
  return half(items)
}
