import { compareKey, type KeyComparison } from '../compare/classify.ts'
import type { ComparedHqRow, ComparedSourceRow } from '../compare/compared-row.ts'
import type { Suspect } from './suspect.ts'

/** What both sides have of a suspect. */
interface Pair {
  readonly suspect: Suspect
  readonly source: ComparedSourceRow | undefined
  readonly hq: ComparedHqRow | undefined
}

/**
 * Compares what both sides have of a suspect. Only a snapshot is looked up by anything but its key:
 * the entity's current one may be another.
 * @param columns names of the columns of the checksum spec, in its order.
 */
export function comparePair(
  { suspect, source, hq }: Pair,
  columns: readonly string[],
): KeyComparison {
  const isOther = source !== undefined && suspect.key !== undefined && source.key !== suspect.key
  return compareKey(isOther ? undefined : source, hq, columns)
}
