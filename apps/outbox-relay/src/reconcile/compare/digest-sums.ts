import type { Digest } from '@hq-export/contract'

/** Rows of a bucket and the sum of their hashes modulo 2^64. */
export interface BucketSum {
  readonly rows: number
  readonly sum: bigint
}

/** What a side has, bucket by bucket; a bucket that is not there has no rows. */
export interface DigestSums {
  readonly rows: number
  readonly buckets: ReadonlyMap<number, BucketSum>
  /** Rows without a value by critical field. */
  readonly nulls: Readonly<Record<string, number>>
  readonly statuses: Readonly<Record<string, number>>
}

export const NO_SUMS: DigestSums = { rows: 0, buckets: new Map(), nulls: {}, statuses: {} }

const MODULUS_BITS = 64

/**
 * Reads the digest of a side.
 * @returns what is wrong with it where its numbers do not add up.
 */
export function readDigest({
  rows,
  buckets,
  nulls,
  statuses,
}: Pick<Digest, 'rows' | 'buckets' | 'nulls' | 'statuses'>): DigestSums | string {
  const sums = new Map<number, BucketSum>()
  let counted = 0
  for (const [bucket, count, sum] of buckets) {
    if (sums.has(bucket)) return 'names a bucket twice'
    sums.set(bucket, { rows: count, sum: BigInt.asUintN(MODULUS_BITS, BigInt(sum)) })
    counted += count
  }
  if (counted !== rows) return 'has another number of rows than its buckets'
  if (Object.values(nulls).some((count) => count > rows)) return 'has more nulls than rows'
  const withStatus = Object.values(statuses).reduce((total, count) => total + count, 0)
  return withStatus > rows
    ? 'has more statuses than rows'
    : { rows, buckets: sums, nulls, statuses }
}

function combineCounts(
  left: Readonly<Record<string, number>>,
  right: Readonly<Record<string, number>>,
  sign: 1 | -1,
): Record<string, number> {
  const combined: Record<string, number> = { ...left }
  for (const [name, count] of Object.entries(right))
    combined[name] = (combined[name] ?? 0) + sign * count
  return combined
}

/** Adds rows to a side (1), or takes rows out that it has (-1). */
export function combine(left: DigestSums, right: DigestSums, sign: 1 | -1): DigestSums {
  const buckets = new Map(left.buckets)
  for (const [bucket, { rows, sum }] of right.buckets) {
    const before = buckets.get(bucket) ?? { rows: 0, sum: 0n }
    buckets.set(bucket, {
      rows: before.rows + sign * rows,
      sum: BigInt.asUintN(MODULUS_BITS, before.sum + BigInt(sign) * sum),
    })
  }
  return {
    rows: left.rows + sign * right.rows,
    buckets,
    nulls: combineCounts(left.nulls, right.nulls, sign),
    statuses: combineCounts(left.statuses, right.statuses, sign),
  }
}

/** Buckets in which the sides do not have the same rows, in order. */
export function dirtyBuckets(source: DigestSums, hq: DigestSums): number[] {
  const all = new Set([...source.buckets.keys(), ...hq.buckets.keys()])
  return [...all]
    .filter((bucket) => {
      const left = source.buckets.get(bucket) ?? { rows: 0, sum: 0n }
      const right = hq.buckets.get(bucket) ?? { rows: 0, sum: 0n }
      return left.rows !== right.rows || left.sum !== right.sum
    })
    .sort((a, b) => a - b)
}

/** Two counts by name as pairs, of every name that either side has. */
export function pairCounts(
  source: Readonly<Record<string, number>>,
  hq: Readonly<Record<string, number>>,
): Record<string, [number, number]> {
  const names = new Set([...Object.keys(source), ...Object.keys(hq)])
  return Object.fromEntries([...names].map((name) => [name, [source[name] ?? 0, hq[name] ?? 0]]))
}
