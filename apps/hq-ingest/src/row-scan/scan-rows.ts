import { setImmediate as nextTurn } from 'node:timers/promises'
import { LIMITS } from '@hq-export/contract'
import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import { byteAt, type Mark, markEnd, markOf, QUOTE, UNKNOWN, viewOf } from './bytes.ts'
import { fieldEnd, LENGTH_BYTES, type Source, writeNull } from './field.ts'
import { readTimestamp } from './read-timestamp.ts'
import { readXid } from './read-value.ts'
import type { PlannedColumn, ScanPlan } from './scan-plan.ts'
import { ScannedRows } from './scanned-rows.ts'
import { traceparentEnd } from './traceparent-end.ts'

const ROW = markOf('{"row":')
const XID = markOf('},"xid":"')
const CAPTURED_AT = markOf('","captured_at":"')
const TRACEPARENT = markOf(',"traceparent":"')
const DELETED = markOf(',"deleted":true')
const NOT_DELETED = markOf(',"deleted":false')
const NULL = markOf('null')

const COMMA = 0x2c
const CLOSE_BRACKET = 0x5d
const CLOSE_BRACE = 0x7d
const LETTER_N = 0x6e
const UUID_TEXT_BYTES = 36

/** Between two rows others get their turn after so long, which is asked after so many bytes. */
const TURN_MS = 20
const LOOK_BYTES = 64 * 1024

/** One pass over the rows of a body. Its methods say false at the first byte not known. */
class RowScan {
  readonly #body: Buffer
  readonly #source: Source
  readonly #plan: ScanPlan
  readonly #orgs: ReadonlySet<string> | undefined
  readonly #capacity: number
  readonly #fields: Buffer
  readonly #fieldsView: DataView
  readonly #ends: Uint32Array
  readonly #nulls: Uint32Array
  readonly #empty: Uint32Array
  readonly #keys: Uint32Array
  readonly #traceparents: Uint32Array
  /** In the body. */
  #at: number
  /** In the fields. */
  #to = 0
  #count = 0
  #field = 0
  #firstCapturedAt = 0
  #capturedAt = 0
  /** Where an org stands that may be written; most rows repeat the one before. */
  #orgAt = 0

  constructor(body: Buffer, rowsAt: number, plan: ScanPlan, orgs: ReadonlySet<string> | undefined) {
    this.#body = body
    this.#source = { bytes: body, view: viewOf(body) }
    this.#at = rowsAt
    this.#plan = plan
    this.#orgs = orgs
    this.#capacity = Math.min(LIMITS.maxRows, Math.ceil(body.length / plan.minRowBytes))
    // No field is longer than the value and the name that it is made of.
    this.#fields = Buffer.allocUnsafeSlow(body.length)
    this.#fieldsView = viewOf(this.#fields)
    this.#ends = new Uint32Array(this.#capacity * plan.fields)
    this.#nulls = new Uint32Array(plan.fields)
    this.#empty = new Uint32Array(plan.fields)
    this.#keys = new Uint32Array(this.#capacity * plan.dataset.primaryKey.length)
    this.#traceparents = new Uint32Array(this.#capacity)
  }

  /** The rows, if the body ends with them and nothing else. */
  async run(): Promise<ScannedRows | undefined> {
    if (await this.#readRows()) {
      return new ScannedRows({
        body: this.#body,
        plan: this.#plan,
        count: this.#count,
        fields: this.#fields,
        ends: this.#ends,
        nulls: this.#nulls,
        empty: this.#empty,
        keys: this.#keys,
        captured: [this.#firstCapturedAt, this.#capturedAt],
        traceparents: this.#traceparents,
      })
    }
    freeMemory(this.#fields)
    return undefined
  }

  async #readRows(): Promise<boolean> {
    const body = this.#body
    let turnBegan = performance.now()
    let lookAt = LOOK_BYTES
    while (this.#count < this.#capacity) {
      if (this.#at > lookAt) {
        lookAt = this.#at + LOOK_BYTES
        if (performance.now() - turnBegan > TURN_MS) {
          await nextTurn()
          turnBegan = performance.now()
        }
      }
      if (!this.#skip(ROW)) return false
      const rowAt = this.#at
      if (!this.#readFields()) return false
      // With the brace that is still to come.
      if (this.#at + 1 - rowAt > LIMITS.maxRowBytes) return false
      if (!this.#readBeside()) return false
      this.#count++
      const next = byteAt(body, this.#at++)
      if (next === CLOSE_BRACKET) {
        return byteAt(body, this.#at) === CLOSE_BRACE && this.#at + 1 === body.length
      }
      if (next !== COMMA) return false
    }
    return false
  }

  /** The contract's columns, each of them, in its order. */
  #readFields(): boolean {
    const body = this.#body
    const { columns } = this.#plan
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i] as PlannedColumn
      if (!this.#skip(column.head)) return false
      if (column.isNullable && byteAt(body, this.#at) === LETTER_N) {
        if (!this.#skip(NULL)) return false
        this.#writeNull(i)
        continue
      }
      if (column.isString && byteAt(body, this.#at++) !== QUOTE) return false
      const at = this.#at
      const end = column.read(this.#source, at, this.#fieldsView, this.#to)
      if (end === UNKNOWN) return false
      if (column.isString && byteAt(body, end) !== QUOTE) return false
      this.#at = column.isString ? end + 1 : end
      if (column.keyPart >= 0) this.#noteKey(column.keyPart)
      if (column.isOrg && !this.#mayWrite(at)) return false
      this.#endField()
      if (end === at) this.#empty[i] = (this.#empty[i] ?? 0) + 1
    }
    return true
  }

  /** What came beside the row, as hq_export writes it. */
  #readBeside(): boolean {
    const body = this.#body
    const { isVersioned, columns } = this.#plan
    if (!this.#skip(XID)) return false
    this.#at = readXid(this.#source, this.#at, this.#fieldsView, this.#to)
    if (this.#at === UNKNOWN) return false
    this.#endField()

    if (!this.#skip(CAPTURED_AT)) return false
    const capturedAt = this.#at
    // Stays only where the next field is when the row was deleted.
    const capturedEnd = readTimestamp(this.#source, capturedAt, this.#fieldsView, this.#to)
    if (byteAt(body, capturedEnd) !== QUOTE) return false
    this.#at = capturedEnd + 1
    this.#capturedAt = capturedAt
    if (this.#count === 0) this.#firstCapturedAt = capturedAt

    if (this.#skip(TRACEPARENT)) {
      this.#traceparents[this.#count] = this.#at
      this.#at = traceparentEnd(body, this.#at)
      if (byteAt(body, this.#at++) !== QUOTE) return false
    }

    if (!this.#skip(NOT_DELETED) && this.#skip(DELETED)) {
      if (!isVersioned) return false
      this.#endField()
    } else if (isVersioned) this.#writeNull(columns.length + 1)
    return byteAt(body, this.#at++) === CLOSE_BRACE
  }

  /** Steps over `mark`, if it stands here. */
  #skip(mark: Mark): boolean {
    const end = markEnd(this.#source.view, this.#at, mark)
    if (end === UNKNOWN) return false
    this.#at = end
    return true
  }

  #writeNull(field: number): void {
    writeNull(this.#fieldsView, this.#to)
    this.#nulls[field] = (this.#nulls[field] ?? 0) + 1
    this.#endField()
  }

  /** The field at `#to` is as it has to be. */
  #endField(): void {
    this.#to = fieldEnd(this.#fieldsView, this.#to)
    this.#ends[this.#field++] = this.#to
  }

  /** Where the bytes of a key's part stand. */
  #noteKey(part: number): void {
    this.#keys[this.#count * this.#plan.dataset.primaryKey.length + part] = this.#to + LENGTH_BYTES
  }

  #mayWrite(at: number): boolean {
    if (this.#orgs === undefined) return true
    const body = this.#body
    const last = this.#orgAt
    this.#orgAt = at
    if (
      last > 0 &&
      body.compare(body, last, last + UUID_TEXT_BYTES, at, at + UUID_TEXT_BYTES) === 0
    ) {
      return true
    }
    return this.#orgs.has(body.toString('latin1', at, at + UUID_TEXT_BYTES))
  }
}

/**
 * Reads the rows of a body of well-formed UTF-8, from the first one to the body's end, and writes
 * their fields as PostgreSQL takes them. Gives way to the other requests of the process meanwhile.
 * @param rowsAt where the first row begins.
 * @param orgs that may be written, in lower case; undefined for every org.
 * @returns undefined where a byte is not known.
 */
export function scanRows(
  body: Buffer,
  rowsAt: number,
  plan: ScanPlan,
  orgs: ReadonlySet<string> | undefined,
): Promise<ScannedRows | undefined> {
  return new RowScan(body, rowsAt, plan, orgs).run()
}
