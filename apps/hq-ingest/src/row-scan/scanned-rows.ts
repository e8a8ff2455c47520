import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import type { RowCounts } from '../profile/row-counts.ts'
import { copyBytes, viewOf } from './bytes.ts'
import { countScanned } from './count-scanned.ts'
import type { ScanPlan } from './scan-plan.ts'

/** Of every part of a key. */
export const UUID_BYTES = 36
const TRACEPARENT_BYTES = 55
const EMPTY_ARRAY = '{}'
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** What a scan has found of the rows of a body, as positions in it and in what it wrote. */
export interface Found {
  readonly body: Buffer
  readonly plan: ScanPlan
  readonly count: number
  /** The fields of all rows, in the dataset's form, each with its separator. */
  readonly fields: Buffer
  /** Where each field ends in `fields`, its separator included. */
  readonly ends: Uint32Array
  /** How many rows have NULL in each field. */
  readonly nulls: Uint32Array
  /** How many rows have an empty text in each column. */
  readonly empty: Uint32Array
  /** Where the parts of each row's key begin in the body. */
  readonly keys: Uint32Array
  /** Where the first and the last row's `captured_at` stand in the body. */
  readonly captured: readonly [first: number, last: number]
  /** Where each row's `traceparent` begins in the body; 0 where it has none. */
  readonly traceparents: Uint32Array
}

/** The rows of a scanned body, in the order of their keys, which is the order of locks. */
export class ScannedRows {
  readonly #found: Found
  readonly #order: Uint32Array
  /** Some key comes more than once. */
  readonly hasRepeatedKey: boolean

  constructor(found: Found) {
    this.#found = found
    this.#order = Uint32Array.from({ length: found.count }, (_, row) => row)
    let repeated = false
    let sorted = true
    for (let row = 1; row < found.count && sorted; row++) sorted = this.#compare(row - 1, row) < 0
    if (!sorted) {
      this.#order.sort((a, b) => this.#compare(a, b) || a - b)
      for (let i = 1; i < found.count && !repeated; i++) {
        repeated = this.#compare(this.#order[i - 1] ?? 0, this.#order[i] ?? 0) === 0
      }
    }
    this.hasRepeatedKey = repeated
  }

  get count(): number {
    return this.#found.count
  }

  /** Compares the keys of two rows byte by byte, which is how their canonical texts compare. */
  #compare(a: number, b: number): number {
    const { body, keys, plan } = this.#found
    const parts = plan.dataset.primaryKey.length
    for (let part = 0; part < parts; part++) {
      const atA = keys[a * parts + part] ?? 0
      const atB = keys[b * parts + part] ?? 0
      for (let i = 0; i < UUID_BYTES; i++) {
        const difference = (body[atA + i] ?? 0) - (body[atB + i] ?? 0)
        if (difference !== 0) return difference
      }
    }
    return 0
  }

  #startOf(field: number): number {
    return field === 0 ? 0 : (this.#found.ends[field - 1] ?? 0)
  }

  /** Lines of COPY, of a dataset that travels by COPY; `tail` ends each of them. */
  copyText(tail: Uint8Array): Buffer {
    const { plan, fields, ends, count } = this.#found
    const size = this.#startOf(count * plan.fields) + count * tail.length
    const text = Buffer.allocUnsafeSlow(size)
    let to = 0
    for (const row of this.#order) {
      const first = row * plan.fields
      to += fields.copy(text, to, this.#startOf(first), ends[first + plan.fields - 1])
      text.set(tail, to)
      to += tail.length
    }
    return text
  }

  /** An array literal of one field of all rows; an empty one where no row has a value. */
  #arrayOf(field: number, fields: DataView, room: Buffer, roomView: DataView): string {
    const { plan, ends, nulls, count } = this.#found
    if (nulls[field] === count) return EMPTY_ARRAY
    let to = 0
    room[to++] = OPEN_BRACE
    for (const row of this.#order) {
      const at = row * plan.fields + field
      to = copyBytes(fields, this.#startOf(at), ends[at] ?? 0, roomView, to)
    }
    // In place of the last separator.
    room[to - 1] = CLOSE_BRACE
    return room.toString('utf8', 0, to)
  }

  /** One array literal per field, of a dataset that travels in arrays, and one without extras. */
  columnArrays(): string[] {
    const { plan, fields } = this.#found
    const room = Buffer.allocUnsafeSlow(1 + fields.length)
    const [fieldsView, roomView] = [viewOf(fields), viewOf(room)]
    const arrays = Array.from({ length: plan.fields }, (_, field) =>
      this.#arrayOf(field, fieldsView, room, roomView),
    )
    freeMemory(room)
    return [...arrays, EMPTY_ARRAY]
  }

  /** Value of a column that travels bare, of every `step`th row. */
  sample(column: string, step: number): string[] {
    const { plan, fields, ends } = this.#found
    const field = plan.dataset.columns.findIndex(({ name }) => name === column)
    return Array.from(this.#order)
      .filter((_, position) => position % step === 0)
      .map((row) => {
        const at = row * plan.fields + field
        return fields.toString('latin1', this.#startOf(at), (ends[at] ?? 0) - 1)
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
