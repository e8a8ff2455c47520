import { LIMITS } from '@hq-export/contract'
import { combine, type DigestSums, dirtyBuckets } from '../compare/digest-sums.ts'
import { behindTruncation, readTruncation } from '../source/removals.ts'
import { readHqDigest } from './hq-digest.ts'
import { keepsRemoved, type RangeReading } from './range-reading.ts'

/** Fewer rows are asked for one by one, which costs less than a scan. */
const MIN_ROWS = LIMITS.maxDigestKeys

/**
 * Takes out buckets that differ by nothing but rows which a TRUNCATE of the source removed, and HQ
 * rightly keeps: any number of them, by one more scan of HQ. What HQ has of transactions behind the
 * TRUNCATE is all that it has, less what it has as of just behind it; where the source has just
 * that, nothing differs. Of a table that was one of several, it has more, and rows are read.
 * @param dirty buckets in which both sides differ.
 * @throws {UndecidedError} where HQ does not answer.
 */
export async function withoutTruncated(
  reading: RangeReading,
  source: DigestSums,
  hq: DigestSums,
  dirty: readonly number[],
): Promise<readonly number[]> {
  const { context } = reading
  const rows = dirty.reduce((sum, bucket) => sum + (hq.buckets.get(bucket)?.rows ?? 0), 0)
  if (rows < MIN_ROWS || !keepsRemoved(context)) return dirty
  const xid = await readTruncation(context.scan, context.dataset)
  if (xid === undefined) return dirty
  const before = await readHqDigest({ ...reading, snapshot: behindTruncation(xid) })
  const left = new Set(dirtyBuckets(source, combine(hq, before.sums, -1)))
  return dirty.filter((bucket) => left.has(bucket))
}
