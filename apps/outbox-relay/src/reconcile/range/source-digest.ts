import { type BucketSum, combine, type DigestSums, NO_SUMS } from '../compare/digest-sums.ts'
import { removalDigestStatement } from '../source/removals.ts'
import { planLookUps, planScans } from '../source/scan-session.ts'
import { type BucketRow, digestStatement, othersStatement, statusesOf } from '../source/scan-sql.ts'
import type { RangeReading } from './range-reading.ts'

type CountedBucket = Pick<BucketRow, 'bucket' | 'rows' | 'sum'>

function sumsOf(rows: readonly CountedBucket[]): Pick<DigestSums, 'rows' | 'buckets'> {
  const buckets = rows.map(({ bucket, rows: count, sum }): [number, BucketSum] => [
    bucket,
    { rows: count, sum: BigInt.asUintN(64, BigInt(sum)) },
  ])
  return { rows: rows.reduce((sum, row) => sum + row.rows, 0), buckets: new Map(buckets) }
}

/** Counts of several buckets together, by name. */
function totals(
  names: readonly string[],
  rows: readonly BucketRow[],
  counts: (row: BucketRow) => readonly number[],
): Record<string, number> {
  const total = (at: number): number => rows.reduce((sum, row) => sum + (counts(row)[at] ?? 0), 0)
  return Object.fromEntries(names.map((name, at): [string, number] => [name, total(at)]))
}

async function scan(
  { context, sourceScope }: RangeReading,
  keys?: readonly string[],
): Promise<DigestSums> {
  const { scan: client, relation, spec, dataset } = context
  const { text, values } = digestStatement(relation, spec, sourceScope, keys)
  const { rows } = await client.query<BucketRow>(text, [...values])
  const fields = dataset.criticalFields.map(({ name }) => name)
  return {
    ...sumsOf(rows),
    nulls: totals(fields, rows, ({ nulls }) => nulls),
    statuses: totals(statusesOf(dataset), rows, ({ statuses }) => statuses),
  }
}

/** Rows that the source has deleted, as HQ had them when they were explained last. */
async function removals({ context, scope }: RangeReading): Promise<DigestSums> {
  const { scan: client, dataset, spec } = context
  const { text, values } = removalDigestStatement(dataset, spec, scope)
  const { rows } = await client.query<CountedBucket>(text, [...values])
  return { ...NO_SUMS, ...sumsOf(rows) }
}

/** What the source has in the range, with what it had and HQ rightly keeps. */
export function readSourceDigest(reading: RangeReading): Promise<DigestSums> {
  return reading.source.time(async () => {
    const shown = await scan(reading)
    return reading.countsRemovals ? combine(shown, await removals(reading), 1) : shown
  })
}

/** What the source has of some rows of the range. @param keys by look-up. */
export function readKeySums(reading: RangeReading, keys: readonly string[]): Promise<DigestSums> {
  return reading.source.time(async () => {
    await planLookUps(reading.context.scan)
    return scan(reading, keys)
  })
}

/** Takes rows out of what the source has. @param keys by look-up. */
export async function takeOut(
  reading: RangeReading,
  all: DigestSums,
  keys: readonly string[],
): Promise<DigestSums> {
  if (keys.length === 0) return all
  const taken = await readKeySums(reading, keys)
  await reading.source.time(() => planScans(reading.context.scan))
  return combine(all, taken, -1)
}

/** Rows of the range of orgs that the signing key may not read. */
export async function countOthers({ context, sourceScope, source }: RangeReading): Promise<number> {
  const { scan: client, relation, spec, isLimited } = context
  if (!isLimited) return 0
  const { text, values } = othersStatement(relation, spec, sourceScope)
  const { rows } = await source.time(() => client.query<{ rows: number }>(text, [...values]))
  return rows[0]?.rows ?? 0
}
