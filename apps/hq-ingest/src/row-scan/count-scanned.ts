import { isNegative } from '../profile/count-rows.ts'
import type { DistinctTexts } from '../profile/distinct-texts.ts'
import { findProfilePlan, type PlannedColumn } from '../profile/profile-plan.ts'
import { addTo, RowCounts } from '../profile/row-counts.ts'
import { compareTimestamps } from '../profile/timestamps.ts'
import { MINUS, QUOTE, viewOf, ZERO } from './bytes.ts'
import type { ScanPlan } from './scan-plan.ts'

/*
 * What `profile/count-rows.ts` counts row by row, of the fields that a scan has written: the same
 * numbers (a property test holds both together), without making texts of what most rows have in
 * common. How many are NULL or empty the scan has counted on its way.
 */

/** What a scan knows of its rows; see `Found`. */
export interface ScannedFields {
  readonly plan: ScanPlan
  readonly count: number
  readonly fields: Buffer
  readonly ends: Uint32Array
  readonly nulls: Uint32Array
  readonly empty: Uint32Array
}

const BACKSLASH = 0x5c
const UPPER_N = 0x4e
const FIVE = 0x35
const HTTP_STATUS_DIGITS = 3
/** `+00:00`: its first and its last four bytes, and its length. */
const [OFFSET_BEGIN, OFFSET_END] = [0x2b30303a, 0x303a3030]
const OFFSET_BYTES = 6
const FOUR = 4
/** Where a year of four digits ends. */
const YEAR_END = 4
/** No time with a year of four digits and an offset is shorter. */
const TIME_BYTES = 25

const COPY_MEANT: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

/** One pass over the fields of some columns. */
class FieldReader {
  readonly #found: ScannedFields
  readonly #view: DataView
  readonly #isVersioned: boolean

  constructor(found: ScannedFields) {
    this.#found = found
    this.#view = viewOf(found.fields)
    this.#isVersioned = found.plan.isVersioned
  }

  /** Where a field begins in the fields. */
  start(row: number, at: number): number {
    const field = row * this.#found.plan.fields + at
    return field === 0 ? 0 : (this.#found.ends[field - 1] ?? 0)
  }

  /** Where it ends, its separator left out. */
  end(row: number, at: number): number {
    return (this.#found.ends[row * this.#found.plan.fields + at] ?? 1) - 1
  }

  isNull(start: number, end: number): boolean {
    const { fields } = this.#found
    // No other field of an array begins with a letter N, and no other line of COPY has \N.
    return this.#isVersioned
      ? fields[start] === UPPER_N
      : end - start === 2 && fields[start] === BACKSLASH && fields[start + 1] === UPPER_N
  }

  /** A value that travels as it is: a number, an id, an instant. */
  bare(start: number, end: number): string {
    return this.#found.fields.toString('latin1', start, end)
  }

  /** What a text is. */
  text(start: number, end: number): string {
    const { fields } = this.#found
    const isQuoted = this.#isVersioned
    const text = isQuoted
      ? fields.toString('utf8', start + 1, end - 1)
      : fields.toString('utf8', start, end)
    if (!text.includes('\\')) return text
    return text.replace(/\\(.)/gs, (_, letter: string) =>
      isQuoted ? letter : (COPY_MEANT[letter] ?? letter),
    )
  }

  /** True where it is in UTC and has a year of four digits: in order as its bytes are. */
  isPlainTime(start: number, end: number): boolean {
    const view = this.#view
    return (
      end - start >= TIME_BYTES &&
      view.getInt32(end - OFFSET_BYTES) === OFFSET_BEGIN &&
      view.getInt32(end - FOUR) === OFFSET_END &&
      view.getUint8(start + YEAR_END) === MINUS
    )
  }

  /** Compares two fields byte by byte. */
  compare(startA: number, endA: number, startB: number, endB: number): number {
    return compareBytes(this.#view, startA, endA, this.#view, startB, endB)
  }

  /** Compares a field with a text of ASCII. */
  compareTo(start: number, end: number, text: DataView): number {
    return compareBytes(this.#view, start, end, text, 0, text.byteLength)
  }
}

/** Four at a time while they are the same. */
function compareBytes(
  a: DataView,
  startA: number,
  endA: number,
  b: DataView,
  startB: number,
  endB: number,
): number {
  const end = startA + Math.min(endA - startA, endB - startB)
  const move = startB - startA
  let i = startA
  while (i <= end - FOUR && a.getInt32(i) === b.getInt32(i + move)) i += FOUR
  for (; i < end; i++) {
    const difference = a.getUint8(i) - b.getUint8(i + move)
    if (difference !== 0) return difference
  }
  return endA - startA - (endB - startB)
}

/** Fields that are remembered with the number of their text; most columns have few. */
const SLOTS = 64
const HASH_FACTOR = 31

/** Numbers the texts of a column, making a text only of fields that it has not seen lately. */
class TextNumbers {
  readonly #reader: FieldReader
  readonly #bytes: Buffer
  readonly #texts: DistinctTexts
  readonly #starts = new Int32Array(SLOTS).fill(-1)
  readonly #ends = new Int32Array(SLOTS)
  readonly #numbers = new Int32Array(SLOTS)

  constructor(reader: FieldReader, bytes: Buffer, texts: DistinctTexts) {
    this.#reader = reader
    this.#bytes = bytes
    this.#texts = texts
  }

  numberOf(start: number, end: number): number {
    // The last byte is that of a quote where texts have them.
    const last = (this.#bytes[end - 1] ?? 0) * HASH_FACTOR + (this.#bytes[end - 2] ?? 0)
    const middle = this.#bytes[(start + end) >> 1] ?? 0
    const slot = ((end - start) * HASH_FACTOR + last + middle) & (SLOTS - 1)
    const known = this.#starts[slot] ?? -1
    if (known >= 0 && this.#reader.compare(known, this.#ends[slot] ?? 0, start, end) === 0) {
      return this.#numbers[slot] ?? 0
    }
    const number = this.#texts.numberOf(this.#reader.text(start, end))
    this.#starts[slot] = start
    this.#ends[slot] = end
    this.#numbers[slot] = number
    return number
  }
}

/**
 * Counts a column whose times are all plain, as nearly every column's are: without a text of any.
 * @returns false where one is not, and nothing was counted.
 */
function countPlainTimes(
  counts: RowCounts,
  { count }: ScannedFields,
  reader: FieldReader,
  { name, at }: PlannedColumn,
): boolean {
  const { futureAfter, plan } = counts
  const isRanged = at === plan.timeColumn
  const limit = viewOf(Buffer.from(futureAfter))
  let future = 0
  let [firstStart, firstEnd, lastStart, lastEnd] = [-1, -1, -1, -1]
  for (let row = 0; row < count; row++) {
    const start = reader.start(row, at)
    const end = reader.end(row, at)
    if (!reader.isPlainTime(start, end)) {
      if (reader.isNull(start, end)) continue
      return false
    }
    if (reader.compareTo(start, end, limit) > 0) future++
    if (!isRanged) continue
    if (lastStart < 0 || reader.compare(start, end, lastStart, lastEnd) > 0) {
      lastStart = start
      lastEnd = end
    }
    if (firstStart < 0 || reader.compare(start, end, firstStart, firstEnd) < 0) {
      firstStart = start
      firstEnd = end
    }
  }
  addTo(counts.future, name, future)
  if (lastStart >= 0) {
    counts.first = reader.bare(firstStart, firstEnd)
    counts.last = reader.bare(lastStart, lastEnd)
  }
  return true
}

function countTimes(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  const { plan, futureAfter } = counts
  for (const column of plan.times) {
    if (countPlainTimes(counts, found, reader, column)) continue
    const { name, at } = column
    for (let row = 0; row < found.count; row++) {
      const [start, end] = [reader.start(row, at), reader.end(row, at)]
      if (reader.isNull(start, end)) continue
      const time = reader.bare(start, end)
      if (compareTimestamps(time, futureAfter) > 0) addTo(counts.future, name, 1)
      if (at !== plan.timeColumn) continue
      if (counts.first === null || compareTimestamps(time, counts.first) < 0) counts.first = time
      if (counts.last === null || compareTimestamps(time, counts.last) > 0) counts.last = time
    }
  }
}

function countSpans(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  for (const { name, start: from, end: to } of counts.plan.spans) {
    for (let row = 0; row < found.count; row++) {
      const [startA, endA] = [reader.start(row, from), reader.end(row, from)]
      const [startB, endB] = [reader.start(row, to), reader.end(row, to)]
      if (reader.isNull(startA, endA) || reader.isNull(startB, endB)) continue
      const arePlain = reader.isPlainTime(startA, endA) && reader.isPlainTime(startB, endB)
      const order = arePlain
        ? reader.compare(startA, endA, startB, endB)
        : compareTimestamps(reader.bare(startA, endA), reader.bare(startB, endB))
      if (order > 0) addTo(counts.reversed, name, 1)
    }
  }
}

function countNumbers(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  const { fields } = found
  const { nonNegative, meaningless } = counts.plan
  for (const { name, at } of nonNegative) {
    for (let row = 0; row < found.count; row++) {
      const start = reader.start(row, at)
      if (fields[start] !== MINUS) continue
      if (isNegative(reader.bare(start, reader.end(row, at)))) addTo(counts.negative, name, 1)
    }
  }
  for (const { name, at, isMeaningless } of meaningless) {
    for (let row = 0; row < found.count; row++) {
      const [start, end] = [reader.start(row, at), reader.end(row, at)]
      // 0, the nil uuid and a status of too few digits or beyond 599 are what there is to find.
      const byte = fields[start] ?? 0
      const isOrdinary = byte > ZERO && byte <= FIVE && end - start >= HTTP_STATUS_DIGITS
      if (isOrdinary && name === 'http_status' && end - start === HTTP_STATUS_DIGITS) continue
      if (name !== 'http_status' && byte !== ZERO) continue
      if (reader.isNull(start, end)) continue
      if (isMeaningless(reader.bare(start, end))) addTo(counts.meaningless, name, 1)
    }
  }
}

function countTexts(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  const { plan } = counts
  for (const [set, { at }] of plan.sets.entries()) {
    const texts = counts.sets[set]
    if (texts === undefined) continue
    const numbers = new TextNumbers(reader, found.fields, texts)
    for (let row = 0; row < found.count; row++) {
      const [start, end] = [reader.start(row, at), reader.end(row, at)]
      if (!reader.isNull(start, end)) counts.countValue(set, numbers.numberOf(start, end))
    }
  }
  if (plan.mix === undefined) return
  const { operation, provider, status } = plan.mix
  const of = (texts: DistinctTexts) => new TextNumbers(reader, found.fields, texts)
  const operations = of(counts.operations)
  const providers = of(counts.providers)
  const statuses = of(counts.statuses)
  for (let row = 0; row < found.count; row++) {
    const [start, end] = [reader.start(row, provider), reader.end(row, provider)]
    counts.countMixed(
      operations.numberOf(reader.start(row, operation), reader.end(row, operation)),
      reader.isNull(start, end) ? 0 : providers.numberOf(start, end),
      statuses.numberOf(reader.start(row, status), reader.end(row, status)),
    )
  }
}

function countMissing(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  const lacks = (row: number, at: number): boolean => {
    const [start, end] = [reader.start(row, at), reader.end(row, at)]
    const { fields } = found
    const isEmpty = found.plan.isVersioned
      ? end - start === 2 && fields[start] === QUOTE
      : end === start
    return isEmpty || reader.isNull(start, end)
  }
  for (const { name, anyOf } of counts.plan.critical) {
    const [only, ...others] = anyOf
    if (only?.length === 1 && others.length === 0) {
      const at = only[0] ?? 0
      addTo(counts.missing, name, (found.nulls[at] ?? 0) + (found.empty[at] ?? 0))
      continue
    }
    for (let row = 0; row < found.count; row++) {
      if (anyOf.every((columns) => columns.some((at) => lacks(row, at)))) {
        addTo(counts.missing, name, 1)
      }
    }
  }
}

/** Counts all rows that a scan has read. @param nowMs milliseconds since the epoch. */
export function countScanned(found: ScannedFields, nowMs: number): RowCounts {
  const plan = findProfilePlan(found.plan.dataset.name)
  if (plan === undefined) throw new RangeError(`nothing is counted of ${found.plan.dataset.name}`)
  const counts = new RowCounts(plan, nowMs)
  const reader = new FieldReader(found)
  for (const { name, at } of plan.nullable) addTo(counts.nulls, name, found.nulls[at] ?? 0)
  for (const { name, at } of plan.texts) addTo(counts.empty, name, found.empty[at] ?? 0)
  countMissing(counts, found, reader)
  countTimes(counts, found, reader)
  countSpans(counts, found, reader)
  countNumbers(counts, found, reader)
  countTexts(counts, found, reader)
  return counts
}
