import type { DigestScope } from '@hq-export/contract'
import type { DatasetContext } from './dataset/dataset-context.ts'
import { type KeyRange, type RecordedRange, readRanges } from './source/range-record.ts'
import { boundaryStatement } from './source/scan-sql.ts'

/**
 * Rows of a range. A scan of so many takes some seconds, so that the snapshot is short. Keys are
 * random, so a range is read by a scan of the whole table: in ranges of a quarter of this, three
 * million rows cost a quarter more (measured), and more of them cost more yet.
 */
export const RANGE_ROWS = 2_000_000
/** A range that has grown to so many times that is cut. */
const GROWTH = 2
/** A range that was compared longer ago is due, whatever the time. */
const ROTATION_SECONDS = 28 * 86_400
/** A rotation goes on for this long, and then only with what is due. */
const ROTATION_BUDGET_SECONDS = 60
/** Parts of a dataset that are due each day at least. */
const ROTATION_DAYS = 28

/** The ranges of a scope, from the beginning to the end. */
export async function planRanges(
  { side, dataset }: DatasetContext,
  scope: DigestScope,
): Promise<RecordedRange[]> {
  const { from, before } = scope
  if (from === undefined && before === undefined) return readRanges(side, dataset)
  return [{ from, before, rows: null, age: null, state: null }]
}

/**
 * Those of recorded ranges that a rotation compares today, the oldest first: all that were never
 * compared, differed, or are due; then at least one in 28.
 */
export function inRotation(ranges: readonly RecordedRange[]): {
  readonly due: readonly RecordedRange[]
  /** While there is time. */
  readonly more: readonly RecordedRange[]
} {
  const byAge = ranges.toSorted((a, b) => (b.age ?? Infinity) - (a.age ?? Infinity))
  // A run begins somewhat later or earlier than the day before: a day sooner is soon enough.
  const limit = ROTATION_SECONDS - 86_400
  const daily = Math.ceil(ranges.length / ROTATION_DAYS)
  const isDue = ({ state, age }: RecordedRange, place: number): boolean =>
    state !== 'equal' || age === null || age > limit || place < daily
  return { due: byAge.filter(isDue), more: byAge.filter((range, place) => !isDue(range, place)) }
}

/** Whether a rotation that has taken so long goes on with what is not due. */
export function hasTimeFor(elapsedSeconds: number): boolean {
  return elapsedSeconds < ROTATION_BUDGET_SECONDS
}

async function boundary(
  { scan, relation, spec, orgs }: DatasetContext,
  { from, before }: KeyRange,
  rows: number,
): Promise<readonly string[] | undefined> {
  const { text, values } = boundaryStatement(relation, spec, { from, before, orgs }, rows)
  return (await scan.query<{ key: string[] }>(text, [...values])).rows[0]?.key
}

/**
 * Cuts the first part off a range that is too large, or may be.
 * @returns the first part, and the rest where there is one.
 */
export async function cutRange(
  context: DatasetContext,
  range: RecordedRange,
  rangeRows: number,
): Promise<readonly [RecordedRange, ...RecordedRange[]]> {
  if (range.rows !== null && range.rows <= GROWTH * rangeRows) return [range]
  return cutAt(context, range, rangeRows)
}

/** As {@link cutRange}, behind a number of rows. */
export async function cutAt(
  context: DatasetContext,
  range: RecordedRange,
  rows: number,
): Promise<readonly [RecordedRange, ...RecordedRange[]]> {
  const key = await boundary(context, range, rows)
  if (key === undefined) return [range]
  const isNew = { rows: null, age: null, state: null }
  return [
    { ...range, ...isNew, before: key, rows },
    { ...range, ...isNew, from: key },
  ]
}
