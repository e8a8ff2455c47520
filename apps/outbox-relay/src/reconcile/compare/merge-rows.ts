import type { ComparedHqRow, ComparedRow } from './compared-row.ts'

/** A key of which the sides have other rows, or only one of them has one. */
export type SuspectPair<S extends ComparedRow> =
  | { readonly source: S; readonly hq?: ComparedHqRow }
  | { readonly source?: undefined; readonly hq: ComparedHqRow }

/** Keys that are not the same on both sides, of rows that were read together. */
export interface MergedRows<S extends ComparedRow> {
  readonly suspects: readonly SuspectPair<S>[]
  /** Keys that HQ has got since the snapshot. */
  readonly inFlight: readonly ComparedHqRow[]
}

/**
 * Merges the rows of some buckets of both sides by key. A row that HQ keeps as deleted is none; one
 * that is in flight is no suspect, whatever the source has.
 */
export function mergeRows<S extends ComparedRow>(
  source: readonly S[],
  hq: readonly ComparedHqRow[],
): MergedRows<S> {
  const left = new Map(source.map((row) => [row.key, row]))
  const suspects: SuspectPair<S>[] = []
  const inFlight: ComparedHqRow[] = []
  for (const row of hq) {
    const ours = left.get(row.key)
    left.delete(row.key)
    if (row.inFlight) inFlight.push(row)
    else if (ours === undefined) {
      if (!row.deleted) suspects.push({ hq: row })
    } else if (row.deleted || row.hash !== ours.hash) suspects.push({ source: ours, hq: row })
  }
  for (const row of left.values()) suspects.push({ source: row })
  return { suspects, inFlight }
}
