import type { ComparedHqRow } from '../compare/compared-row.ts'
import { type DigestSums, readDigest } from '../compare/digest-sums.ts'
import { UndecidedError } from '../compare/undecided-error.ts'
import { requestOf } from '../dataset/dataset-context.ts'
import { hqRowOf } from '../keys/read-keys.ts'
import type { RangeReading } from './range-reading.ts'

/** What HQ has in a range, as of the source's snapshot. */
export interface HqDigest {
  readonly sums: DigestSums
  /** By look-up; none where they are too many to be named: their buckets are read row by row. */
  readonly inFlightKeys: readonly string[]
  /** Snapshots that its entities do not say. */
  readonly strays: readonly ComparedHqRow[]
  /** HQ's own; undefined where it does not say. */
  readonly snapshot: string | undefined
}

/**
 * @param keys only these rows, whatever their range and time.
 * @throws {UndecidedError} where HQ does not answer, or not what adds up.
 */
export async function readHqDigest(
  { context, scope, snapshot }: RangeReading,
  keys?: readonly string[],
): Promise<HqDigest> {
  const { result } = await context.hq.digest({
    ...requestOf(context, snapshot),
    scope,
    ...(keys === undefined ? {} : { keys: [...keys] }),
  })
  if (result === undefined) throw new UndecidedError('HQ answers without a digest')
  const sums = readDigest(result.digest)
  if (typeof sums === 'string') throw new UndecidedError(`the digest of HQ ${sums}`)
  const inFlightKeys = result.in_flight_keys ?? []
  // Taken out twice, a row would be missing.
  if (new Set(inFlightKeys).size !== inFlightKeys.length)
    throw new UndecidedError('HQ names a key in flight twice')
  return { sums, inFlightKeys, strays: result.strays.map(hqRowOf), snapshot: result.snapshot }
}
