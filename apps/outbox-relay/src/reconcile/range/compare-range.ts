import { type DigestScope, LIMITS } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import { type DigestSums, dirtyBuckets } from '../compare/digest-sums.ts'
import { type DatasetContext, scopeOf } from '../dataset/dataset-context.ts'
import type { Suspect } from '../keys/suspect.ts'
import { waitForFence } from '../source/fence.ts'
import type { KeyRange } from '../source/range-record.ts'
import type { RemovalNote } from '../source/removals.ts'
import { MAX_SNAPSHOT_SECONDS } from '../source/scan-session.ts'
import { underSnapshot } from '../source/snapshot.ts'
import { readHqDigest } from './hq-digest.ts'
import { assertInTime, type RangeReading, readingOf } from './range-reading.ts'
import { readLeaves } from './read-leaves.ts'
import { countOthers, readSourceDigest, takeOut } from './source-digest.ts'
import { eachOnce, keyInFlight, onlyInHq } from './suspects.ts'
import { withoutTruncated } from './truncated-buckets.ts'

/** What the comparison of a range came to, before its suspects are read again. */
export interface ComparedRange {
  /** What is compared of the source's rows: without those in flight. */
  readonly source: DigestSums
  readonly hq: DigestSums
  /** Rows of the source in the range, those included that are not compared. */
  readonly rows: number
  /** Of these, rows of orgs that the signing key may not read. */
  readonly others: number
  readonly suspects: readonly Suspect[]
  /** Not all suspects are there. */
  readonly isCut: boolean
  /** What was kept of rows that the source has deleted, and is not so any more. */
  readonly outdated: readonly RemovalNote[]
  readonly dirtyBuckets: number
  readonly sourceSnapshot: string
  /** Undefined where HQ does not say. */
  readonly hqSnapshot: string | undefined
  readonly sourceSeconds: number
  readonly fenceSeconds: number
}

async function compare(reading: RangeReading): Promise<ComparedRange> {
  const { context, snapshot, fence } = reading
  const all = await inStep('scan', () => readSourceDigest(reading))
  const others = await countOthers(reading)
  await inStep('fence', () =>
    fence.time(() => waitForFence(context.side, context.epoch, snapshot, context)),
  )
  assertInTime(reading)
  const theirs = await inStep('ask HQ', () => readHqDigest(reading))
  const { strays, inFlightKeys } = theirs
  const source = await takeOut(reading, all, inFlightKeys)
  const suspects: readonly Suspect[] = [
    ...inFlightKeys.map((lookUp) => keyInFlight(context, lookUp)),
    ...strays.map(onlyInHq),
  ]
  const { dirty, ...leaves } = await inStep('read rows', async () => {
    const different = dirtyBuckets(source, theirs.sums)
    const left = await withoutTruncated(reading, source, theirs.sums, different)
    return {
      dirty: left,
      ...(await readLeaves(reading, source, theirs.sums, left, suspects.length)),
    }
  })
  const settled = strays.filter(({ inFlight }) => !inFlight)
  return {
    source,
    hq: theirs.sums,
    rows: all.rows + others,
    others,
    suspects: eachOnce([...suspects, ...leaves.suspects]),
    isCut: leaves.isCut || settled.length >= LIMITS.maxDigestKeys,
    outdated: leaves.outdated,
    dirtyBuckets: dirty.length,
    sourceSnapshot: snapshot,
    hqSnapshot: theirs.snapshot,
    sourceSeconds: reading.source.seconds,
    fenceSeconds: fence.seconds,
  }
}

/**
 * Compares one range under one snapshot of the source: sums of both sides first, then the rows of
 * the buckets in which they differ.
 * @throws {TooLongError} where that takes too long, for one of its halves it may not.
 * @throws {UndecidedError} where a side cannot be read, or the relay is behind.
 */
export function compareRange(
  context: DatasetContext,
  scope: DigestScope,
  range: KeyRange,
): Promise<ComparedRange> {
  const until = performance.now() + MAX_SNAPSHOT_SECONDS * 1000
  return underSnapshot(context.scan, (snapshot) =>
    compare(readingOf(context, scopeOf(scope, range), snapshot, until)),
  )
}
