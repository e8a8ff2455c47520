import type { Column } from '@hq-export/contract'
import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import type { RowCounts } from '../profile/row-counts.ts'
import { copyBytes, viewOf } from './bytes.ts'
import { countScanned } from './count-scanned.ts'
import { LENGTH_BYTES, textFields } from './field.ts'
import type { ScanPlan } from './scan-plan.ts'

/** Of every part of a key. */
const UUID_BYTES = 16
const TRACEPARENT_BYTES = 55

/** Fields in front of which a row of COPY says how many it has; the header, and what ends it all. */
const COUNT_BYTES = 2
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const COPY_TRAILER = Buffer.from([0xff, 0xff])

/** Of an array in front of its elements: dimensions, NULLs, type, length, first index. */
const ARRAY_HEADER_BYTES = 20
const EMPTY_ARRAY_HEADER_BYTES = 12
/** Numbers of types in every PostgreSQL (pg_type.dat). */
const TYPE_NUMBERS: Readonly<Record<Column['type'] | 'xid8', number>> = {
  ...{ boolean: 16, int8: 20, int4: 23, text: 25, timestamptz: 1184, numeric: 1700, uuid: 2950 },
  ...{ jsonb: 3802, xid8: 5069 },
}

/** What a scan has found of the rows of a body, as positions in it and in what it wrote. */
export interface Found {
  readonly body: Buffer
  readonly plan: ScanPlan
  readonly count: number
  /** The fields of all rows. */
  readonly fields: Buffer
  /** Where each field ends in `fields`. */
  readonly ends: Uint32Array
  /** How many rows have NULL in each field. */
  readonly nulls: Uint32Array
  /** How many rows have an empty text in each column. */
  readonly empty: Uint32Array
  /** Where the parts of each row's key stand in `fields`. */
  readonly keys: Uint32Array
  /** Where the first and the last row's `captured_at` stand in the body. */
  readonly captured: readonly [first: number, last: number]
  /** Where each row's `traceparent` begins in the body; 0 where it has none. */
  readonly traceparents: Uint32Array
}

/** Of the numbers that rows are sorted by: above the row's own, four bytes of its key. */
const ROWS_LIMIT = 2 ** 21

function writeArrayHeader(into: DataView, hasNulls: boolean, type: number, length: number): void {
  into.setInt32(0, length === 0 ? 0 : 1)
  into.setInt32(4, hasNulls ? 1 : 0)
  into.setInt32(8, type)
  if (length === 0) return
  into.setInt32(12, length)
  into.setInt32(16, 1)
}

function emptyArray(type: number): Buffer {
  const array = Buffer.alloc(EMPTY_ARRAY_HEADER_BYTES)
  writeArrayHeader(viewOf(array), false, type, 0)
  return array
}

/** The rows of a scanned body, in the order of their keys, which is the order of locks. */
export class ScannedRows {
  readonly #found: Found
  readonly #view: DataView
  readonly #order: Uint32Array
  /** Some key comes more than once. */
  readonly hasRepeatedKey: boolean

  constructor(found: Found) {
    this.#found = found
    this.#view = viewOf(found.fields)
    this.#order = this.#byFirstBytes()
    let [isSorted, isRepeated] = this.#look()
    if (!isSorted) {
      this.#order.sort((a, b) => this.#compare(a, b) || a - b)
      isRepeated = this.#look()[1]
    }
    this.hasRepeatedKey = isRepeated
  }

  /** In the order of the first four bytes of their keys, of which few are the same: as numbers. */
  #byFirstBytes(): Uint32Array {
    const { count, keys, plan } = this.#found
    const parts = plan.dataset.primaryKey.length
    const numbers = new Float64Array(count)
    for (let row = 0; row < count; row++) {
      numbers[row] = this.#view.getUint32(keys[row * parts] ?? 0) * ROWS_LIMIT + row
    }
    return Uint32Array.from(numbers.sort(), (number) => number % ROWS_LIMIT)
  }

  /** Whether the order is that of the keys, those with the same key as sent; and if any has. */
  #look(): [isSorted: boolean, isRepeated: boolean] {
    let isRepeated = false
    for (let i = 1; i < this.#order.length; i++) {
      const order = this.#compare(this.#order[i - 1] ?? 0, this.#order[i] ?? 0)
      if (order > 0) return [false, false]
      isRepeated ||= order === 0
    }
    return [true, isRepeated]
  }

  get count(): number {
    return this.#found.count
  }

  /** Compares the keys of two rows byte by byte, which is how their canonical texts compare. */
  #compare(a: number, b: number): number {
    const { keys, plan } = this.#found
    const parts = plan.dataset.primaryKey.length
    for (let part = 0; part < parts; part++) {
      const atA = keys[a * parts + part] ?? 0
      const atB = keys[b * parts + part] ?? 0
      for (let i = 0; i < UUID_BYTES; i += 4) {
        const difference = this.#view.getUint32(atA + i) - this.#view.getUint32(atB + i)
        if (difference !== 0) return difference
      }
    }
    return 0
  }

  #startOf(field: number): number {
    return field === 0 ? 0 : (this.#found.ends[field - 1] ?? 0)
  }

  /**
   * What COPY takes in binary, of a dataset that travels by COPY.
   * @param tailTexts texts of the fields that end each row.
   */
  copyBytes(tailTexts: readonly (string | null)[]): Buffer {
    const { plan, fields, ends, count } = this.#found
    const tail = textFields(tailTexts)
    const rowBytes = this.#startOf(count * plan.fields) + count * (COUNT_BYTES + tail.length)
    const bytes = Buffer.allocUnsafeSlow(COPY_HEADER.length + rowBytes + COPY_TRAILER.length)
    COPY_TRAILER.copy(bytes, bytes.length - COPY_TRAILER.length)
    let to = COPY_HEADER.copy(bytes)
    for (const row of this.#order) {
      const first = row * plan.fields
      to = bytes.writeInt16BE(plan.fields + tailTexts.length, to)
      to += fields.copy(bytes, to, this.#startOf(first), ends[first + plan.fields - 1])
      bytes.set(tail, to)
      to += tail.length
    }
    return bytes
  }

  /** An array of one field of all rows; an empty one where no row has a value. */
  #arrayOf(field: number, type: number): Buffer {
    const { plan, ends, nulls, count } = this.#found
    if (nulls[field] === count) return emptyArray(type)
    let size = ARRAY_HEADER_BYTES
    for (let at = field; at < count * plan.fields; at += plan.fields) {
      size += (ends[at] ?? 0) - this.#startOf(at)
    }
    const array = Buffer.allocUnsafeSlow(size)
    const view = viewOf(array)
    writeArrayHeader(view, (nulls[field] ?? 0) > 0, type, count)
    let to = ARRAY_HEADER_BYTES
    for (const row of this.#order) {
      const at = row * plan.fields + field
      to = copyBytes(this.#view, this.#startOf(at), ends[at] ?? 0, view, to)
    }
    return array
  }

  /** One array in binary per field, of a dataset that travels in arrays, and one without extras. */
  columnArrays(): Buffer[] {
    const { columns } = this.#found.plan.dataset
    const types = [...columns.map(({ type }) => type), 'xid8', 'timestamptz'] as const
    const arrays = types.map((type, field) => this.#arrayOf(field, TYPE_NUMBERS[type]))
    return [...arrays, emptyArray(TYPE_NUMBERS.jsonb)]
  }

  /** Value of a column of ids or of int8, of every `step`th row, as text. */
  sample(column: string, step: number): string[] {
    const { plan, fields } = this.#found
    const field = plan.dataset.columns.findIndex(({ name }) => name === column)
    const isId = plan.dataset.columns[field]?.type === 'uuid'
    return Array.from(this.#order)
      .filter((_, position) => position % step === 0)
      .map((row) => {
        const at = this.#startOf(row * plan.fields + field) + LENGTH_BYTES
        if (!isId) return String(this.#view.getBigInt64(at))
        const hex = fields.toString('hex', at, at + UUID_BYTES)
        return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
      })
  }

  /** Both ends of when the rows were captured. */
  capturedAt(): [first: string, last: string] {
    const { body, captured } = this.#found
    const read = (at: number) => body.toString('latin1', at, body.indexOf('"', at))
    return [read(captured[0]), read(captured[1])]
  }

  /** Rows that were sent as the last state of a deleted entity. */
  get deleted(): number {
    const { plan, nulls, count } = this.#found
    return plan.isVersioned ? count - (nulls[plan.fields - 1] ?? 0) : 0
  }

  /** What the rows are like, all of them. @param nowMs milliseconds since the epoch. */
  countRows(nowMs: number): RowCounts {
    return countScanned(this.#found, nowMs)
  }

  /** Where the rows come from. */
  traceparents(): string[] {
    const { body, traceparents } = this.#found
    return Array.from(traceparents)
      .filter((at) => at > 0)
      .map((at) => body.toString('latin1', at, at + TRACEPARENT_BYTES))
  }

  /** Gives back what the scan wrote; nothing can be asked for afterwards. */
  [Symbol.dispose](): void {
    freeMemory(this.#found.fields)
  }
}
