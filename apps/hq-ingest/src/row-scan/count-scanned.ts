import type { Column } from '@hq-export/contract'
import type { DistinctTexts } from '../profile/distinct-texts.ts'
import { findProfilePlan, NIL_UUID } from '../profile/profile-plan.ts'
import { addTo, RowCounts } from '../profile/row-counts.ts'
import { timestampOfUs } from '../profile/timestamps.ts'
import { viewOf, writeInt8 } from './bytes.ts'
import { LENGTH_BYTES, NULL_LENGTH } from './field.ts'
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

const FOUR = 4
/** From 1970 to 2000, where PostgreSQL's time begins. */
const MS_BEFORE_2000 = 946_684_800_000
const US_PER_MS = 1_000
/** Where the sign of a numeric stands, and what it is. */
const SIGN_AT = 4
const NEGATIVE = 0x4000

/** Reads fields of some columns; each is known by where its value begins. */
class FieldReader {
  readonly view: DataView
  readonly #found: ScannedFields

  constructor(found: ScannedFields) {
    this.view = viewOf(found.fields)
    this.#found = found
  }

  /** Where the value of a field begins. */
  start(row: number, at: number): number {
    const field = row * this.#found.plan.fields + at
    return (field === 0 ? 0 : (this.#found.ends[field - 1] ?? 0)) + LENGTH_BYTES
  }

  /** Length of the value that begins at `start`. */
  length(start: number): number {
    return this.view.getInt32(start - LENGTH_BYTES)
  }

  isNull(start: number): boolean {
    return this.length(start) === NULL_LENGTH
  }

  text(start: number): string {
    return this.#found.fields.toString('utf8', start, start + this.length(start))
  }

  /** Compares two values of 64 bits. */
  compare(a: number, b: number): number {
    return compareInt8(this.view, a, this.view, b)
  }

  /** True where two values are the same bytes. */
  isSame(a: number, b: number): boolean {
    const length = this.length(a)
    if (length !== this.length(b)) return false
    let i = 0
    for (; i <= length - FOUR; i += FOUR) {
      if (this.view.getInt32(a + i) !== this.view.getInt32(b + i)) return false
    }
    for (; i < length; i++) if (this.view.getInt8(a + i) !== this.view.getInt8(b + i)) return false
    return true
  }
}

function compareInt8(viewA: DataView, a: number, viewB: DataView, b: number): number {
  const high = viewA.getInt32(a) - viewB.getInt32(b)
  return high === 0 ? viewA.getUint32(a + FOUR) - viewB.getUint32(b + FOUR) : high
}

/** Values that are remembered with the number of their text; most columns have few. */
const SLOTS = 64
const HASH_FACTOR = 31

/** Numbers the texts of a column, making a text only of values that it has not seen lately. */
class TextNumbers {
  readonly #reader: FieldReader
  readonly #bytes: Buffer
  readonly #texts: DistinctTexts
  readonly #starts = new Int32Array(SLOTS).fill(-1)
  readonly #numbers = new Int32Array(SLOTS)

  constructor(reader: FieldReader, bytes: Buffer, texts: DistinctTexts) {
    this.#reader = reader
    this.#bytes = bytes
    this.#texts = texts
  }

  numberOf(start: number): number {
    const length = this.#reader.length(start)
    const last = this.#bytes[start + length - 1] ?? 0
    const middle = this.#bytes[start + (length >> 1)] ?? 0
    const slot = (length * HASH_FACTOR + last + middle) & (SLOTS - 1)
    const known = this.#starts[slot] ?? -1
    if (known >= 0 && this.#reader.isSame(known, start)) return this.#numbers[slot] ?? 0
    const number = this.#texts.numberOf(this.#reader.text(start))
    this.#starts[slot] = start
    this.#numbers[slot] = number
    return number
  }
}

function countTimes(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  const { plan, futureAfter } = counts
  const bound = new DataView(new ArrayBuffer(8))
  writeInt8(bound, 0, (Date.parse(futureAfter) - MS_BEFORE_2000) * US_PER_MS)
  for (const { name, at } of plan.times) {
    let [first, last] = [-1, -1]
    for (let row = 0; row < found.count; row++) {
      const start = reader.start(row, at)
      if (reader.isNull(start)) continue
      if (compareInt8(reader.view, start, bound, 0) > 0) addTo(counts.future, name, 1)
      if (first < 0 || reader.compare(start, first) < 0) first = start
      if (last < 0 || reader.compare(start, last) > 0) last = start
    }
    if (at !== plan.timeColumn || first < 0) continue
    counts.first = timestampOfUs(reader.view.getBigInt64(first))
    counts.last = timestampOfUs(reader.view.getBigInt64(last))
  }
}

function countSpans(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  for (const { name, start: from, end: to } of counts.plan.spans) {
    for (let row = 0; row < found.count; row++) {
      const [start, end] = [reader.start(row, from), reader.start(row, to)]
      if (reader.isNull(start) || reader.isNull(end)) continue
      if (reader.compare(start, end) > 0) addTo(counts.reversed, name, 1)
    }
  }
}

function countNumbers(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  const { nonNegative, meaningless } = counts.plan
  const typeOf = (at: number): Column['type'] | undefined => found.plan.dataset.columns[at]?.type
  for (const { name, at } of nonNegative) {
    // Of whole numbers the first bit is the sign. No zero has one here.
    const isNegative =
      typeOf(at) === 'numeric'
        ? (start: number) => reader.view.getUint16(start + SIGN_AT) === NEGATIVE
        : (start: number) => reader.view.getInt8(start) < 0
    for (let row = 0; row < found.count; row++) {
      const start = reader.start(row, at)
      if (!reader.isNull(start) && isNegative(start)) addTo(counts.negative, name, 1)
    }
  }
  for (const { name, at, isMeaningless } of meaningless) {
    const isNumber = typeOf(at) === 'int4'
    const known = new Map<number, boolean>()
    for (let row = 0; row < found.count; row++) {
      const start = reader.start(row, at)
      if (reader.isNull(start)) continue
      // Of ids only the nil uuid means nothing.
      const number = reader.view.getInt32(start)
      if (!isNumber && (number !== 0 || !isNil(reader.view, start))) continue
      const isKnown = known.get(number) ?? isMeaningless(isNumber ? String(number) : NIL_UUID)
      known.set(number, isKnown)
      if (isKnown) addTo(counts.meaningless, name, 1)
    }
  }
}

function isNil(view: DataView, start: number): boolean {
  return view.getBigInt64(start) === 0n && view.getBigInt64(start + 8) === 0n
}

function countTexts(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  const { plan } = counts
  for (const [set, { at }] of plan.sets.entries()) {
    const texts = counts.sets[set]
    if (texts === undefined) continue
    const numbers = new TextNumbers(reader, found.fields, texts)
    for (let row = 0; row < found.count; row++) {
      const start = reader.start(row, at)
      if (!reader.isNull(start)) counts.countValue(set, numbers.numberOf(start))
    }
  }
  if (plan.mix === undefined) return
  const { operation, provider, status } = plan.mix
  const of = (texts: DistinctTexts) => new TextNumbers(reader, found.fields, texts)
  const operations = of(counts.operations)
  const providers = of(counts.providers)
  const statuses = of(counts.statuses)
  for (let row = 0; row < found.count; row++) {
    const start = reader.start(row, provider)
    counts.countMixed(
      operations.numberOf(reader.start(row, operation)),
      reader.isNull(start) ? 0 : providers.numberOf(start),
      statuses.numberOf(reader.start(row, status)),
    )
  }
}

function countMissing(counts: RowCounts, found: ScannedFields, reader: FieldReader): void {
  // NULL, or empty.
  const lacks = (row: number, at: number) => reader.length(reader.start(row, at)) <= 0
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
