import type { DigestSums } from '../compare/digest-sums.ts'
import { mergeRows } from '../compare/merge-rows.ts'
import type { Suspect } from '../keys/suspect.ts'
import type { RemovalNote } from '../source/removals.ts'
import { readHqLeaf, readSourceLeaf } from './leaf-rows.ts'
import { assertInTime, type RangeReading } from './range-reading.ts'
import { explainRemoved, readOutdated } from './removed-rows.ts'
import { inSource, onlyInHq } from './suspects.ts'

/** Rows of a side that are read at once where buckets are dirty. */
const LEAF_ROWS = 100_000
/** Where this many keys are suspect nobody needs the rest to know what to do. */
export const MAX_SUSPECTS = 100_000

/** What the rows of dirty buckets come to. */
export interface ReadLeaves {
  readonly suspects: readonly Suspect[]
  /** Not all suspects are there. */
  readonly isCut: boolean
  /** What was kept of rows that the source has deleted, and is not so any more. */
  readonly outdated: readonly RemovalNote[]
}

/** Some buckets at a time: as many as have the rows that are read at once, and one at least. */
function* grouped(
  dirty: readonly number[],
  size: (bucket: number) => number,
): Generator<readonly number[]> {
  let group: number[] = []
  let rows = 0
  for (const bucket of dirty) {
    group.push(bucket)
    rows += size(bucket)
    if (rows < LEAF_ROWS) continue
    yield group
    group = []
    rows = 0
  }
  if (group.length > 0) yield group
}

/**
 * Reads the rows of dirty buckets of both sides.
 * @param known how many suspects there are already.
 * @throws {TooLongError} and {UndecidedError} as `compareRange`.
 */
export async function readLeaves(
  reading: RangeReading,
  source: DigestSums,
  hq: DigestSums,
  dirty: readonly number[],
  known: number,
): Promise<ReadLeaves> {
  const { context } = reading
  const suspects: Suspect[] = []
  const outdated: RemovalNote[] = []
  const size = (bucket: number): number =>
    Math.max(source.buckets.get(bucket)?.rows ?? 0, hq.buckets.get(bucket)?.rows ?? 0)
  for (const buckets of grouped(dirty, size)) {
    if (known + suspects.length > MAX_SUSPECTS) return { suspects, isCut: true, outdated }
    assertInTime(reading)
    const ours = await readSourceLeaf(reading, buckets)
    const theirs = await readHqLeaf(reading, buckets, hq)
    outdated.push(...(await readOutdated(reading, buckets, ours, theirs)))
    const merged = mergeRows(ours, theirs)
    const extra = merged.suspects.flatMap((pair) => (pair.source === undefined ? pair.hq : []))
    const explained = await explainRemoved(reading, extra)
    for (const row of merged.inFlight) suspects.push(onlyInHq(row))
    for (const { source: row } of merged.suspects)
      if (row !== undefined) suspects.push(inSource(context, row))
    for (const row of extra) if (!explained.has(row.key)) suspects.push(onlyInHq(row))
  }
  return { suspects, isCut: false, outdated }
}
