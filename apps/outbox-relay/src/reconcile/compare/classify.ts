import type { FindingClass } from '@hq-export/contract'
import type { ComparedHqRow, ComparedSourceRow } from './compared-row.ts'

/** A class that comes from comparing a key alone; whether it is known is another question. */
export type DifferenceClass = Exclude<FindingClass, 'refused' | 'foreign'>

/** How a key compares. */
export type KeyComparison =
  | { readonly kind: 'equal' }
  /** HQ's row is newer than the snapshot of the source. */
  | { readonly kind: 'in-flight' }
  | {
      readonly kind: 'difference'
      readonly class: DifferenceClass
      /** Names of the columns that differ, where the same version has other content. */
      readonly columns: readonly string[]
    }

const EQUAL: KeyComparison = { kind: 'equal' }

function difference(name: DifferenceClass, columns: readonly string[] = []): KeyComparison {
  return { kind: 'difference', class: name, columns }
}

/** Names of the columns whose hashes differ. */
function differingColumns(
  source: ComparedSourceRow,
  hq: ComparedHqRow,
  names: readonly string[],
): string[] {
  const { columns: left } = source
  const { columns: right } = hq
  if (left === undefined || right === undefined) return []
  return names.filter((_, index) => left[index] !== right[index])
}

/**
 * Compares what both sides have of one key, everything that the source's snapshot shows having been
 * delivered.
 * @param names columns of the checksum spec, in its order.
 */
export function compareKey(
  source: ComparedSourceRow | undefined,
  hq: ComparedHqRow | undefined,
  names: readonly string[],
): KeyComparison {
  if (hq?.inFlight) return { kind: 'in-flight' }
  if (source === undefined) return hq === undefined || hq.deleted ? EQUAL : difference('extra')
  if (hq === undefined) return difference('missing')
  if (source.version !== null && hq.version !== null) {
    const [ours, theirs] = [BigInt(source.version), BigInt(hq.version)]
    // A delete leaves its version behind: below the source's, the entity came back and is not there.
    if (theirs < ours) return difference(hq.deleted ? 'missing' : 'stale')
    if (theirs > ours) return difference('ahead')
  }
  if (source.hash === hq.hash && !hq.deleted) return EQUAL
  return difference('different', differingColumns(source, hq, names))
}
