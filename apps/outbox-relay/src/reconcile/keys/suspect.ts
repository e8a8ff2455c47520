import type { Finding } from '@hq-export/contract'
import type { ComparedHqRow, ComparedSourceRow } from '../compare/compared-row.ts'

/** A key that did not compare as equal, and is read once more before anybody is told. */
export interface Suspect {
  /** Primary key of the contract; of a snapshot of which only its entity is known, undefined. */
  readonly key: string | undefined
  /** By which the source looks it up: the key, or a snapshot's entity. */
  readonly lookUp: string
  /** Version of a snapshot that only HQ has. */
  readonly version?: string | null | undefined
  /**
   * What the source had, as {@link witnessOf} says; undefined where it was not compared, because it
   * was in flight.
   */
  readonly witness?: string | undefined
}

/** A key that differed twice at the same state of the source. */
export interface ProvenDifference {
  readonly finding: Finding
  readonly lookUp: string
  readonly source: ComparedSourceRow | undefined
  readonly hq: ComparedHqRow | undefined
}

/** The state of a key at the source, to be known again. */
export function witnessOf(row: ComparedSourceRow | undefined): string {
  return row === undefined ? 'none' : `${row.key} ${row.version} ${row.hash}`
}
