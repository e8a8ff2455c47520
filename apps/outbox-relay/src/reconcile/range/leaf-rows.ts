import type { ComparedHqRow, ComparedSourceRow } from '../compare/compared-row.ts'
import type { DigestSums } from '../compare/digest-sums.ts'
import { UndecidedError } from '../compare/undecided-error.ts'
import { requestOf } from '../dataset/dataset-context.ts'
import { hqRowOf, sourceRowOf } from '../keys/read-keys.ts'
import { leafStatement, type SourceRow } from '../source/scan-sql.ts'
import { assertInTime, type RangeReading } from './range-reading.ts'

/** Rows of HQ that are kept at once, those included that are deleted or in flight. */
const MAX_ROWS = 1_000_000
/** Rows of HQ that may have come since it counted them. */
const MAX_COME = 100_000

/** The source's rows of some buckets. */
export function readSourceLeaf(
  { context, sourceScope, source }: RangeReading,
  buckets: readonly number[],
): Promise<ComparedSourceRow[]> {
  const { scan, relation, spec } = context
  return source.time(async () => {
    const { text, values } = leafStatement(relation, spec, sourceScope, buckets)
    return (await scan.query<SourceRow>(text, [...values])).rows.map(sourceRowOf)
  })
}

/**
 * HQ's rows of some buckets.
 * @param digest what HQ has just counted. More may be there by now, but not any number: of pages
 * that never end not all is kept.
 * @throws {UndecidedError} where HQ does not answer, or not what adds up.
 */
export async function readHqLeaf(
  reading: RangeReading,
  buckets: readonly number[],
  digest: DigestSums,
): Promise<ComparedHqRow[]> {
  const { context, scope, snapshot } = reading
  const rows = new Map<string, ComparedHqRow>()
  const counted = buckets.reduce((sum, one) => sum + (digest.buckets.get(one)?.rows ?? 0), 0)
  let settled = 0
  for (let after: string | undefined; ; ) {
    assertInTime(reading)
    const page = await context.hq.rows({
      ...requestOf(context, snapshot),
      scope,
      buckets: [...buckets],
      ...(after === undefined ? {} : { after }),
    })
    for (const row of page.rows) {
      if (rows.has(row.key)) throw new UndecidedError('HQ names a row twice')
      rows.set(row.key, hqRowOf(row))
      if (!row.in_flight && !row.deleted) settled++
    }
    if (settled > counted + MAX_COME || rows.size > MAX_ROWS)
      throw new UndecidedError('HQ has more rows in a bucket than it counts, or than can be read')
    if (page.next === null) return [...rows.values()]
    if (page.next !== page.rows.at(-1)?.key)
      throw new UndecidedError('HQ does not go on where a page ended')
    after = page.next
  }
}
