import type { Column } from '@hq-export/contract'

/*
 * What PostgreSQL reads out of its binary forms, written a second time and without hurry, so that
 * the gateway's writers are held to something else than themselves.
 */

type Type = Column['type'] | 'xid8'

/** From 1970 to 2000, where PostgreSQL's time begins. */
const US_BEFORE_2000 = 946_684_800_000_000n
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TYPE_OF: Readonly<Record<number, Type>> = {
  ...{ 16: 'boolean', 20: 'int8', 23: 'int4', 25: 'text', 1184: 'timestamptz', 1700: 'numeric' },
  ...{ 2950: 'uuid', 3802: 'jsonb', 5069: 'xid8' },
}

/** Microseconds since 1970 of a timestamp as it is sent: what is compared instead of its text. */
export function instantOf(timestamp: string): string {
  const [, seconds, fraction = '', offset] =
    /^(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(timestamp) ?? []
  const ms = Date.parse(`${seconds}${offset}`)
  return String(BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0')))
}

function readNumeric(bytes: Buffer): string {
  const groups = bytes.readInt16BE(0)
  const weight = bytes.readInt16BE(2)
  const scale = bytes.readInt16BE(6)
  const digits = Array.from({ length: groups }, (_, i) =>
    String(bytes.readInt16BE(8 + 2 * i)).padStart(4, '0'),
  )
  const whole = digits.slice(0, weight + 1).join('')
  const behind = digits
    .slice(weight + 1)
    .join('')
    .slice(0, scale)
  const sign = bytes.readUInt16BE(4) === 0x4000 ? '-' : ''
  return `${sign}${whole.replace(/^0+(?=\d)/, '')}${scale > 0 ? `.${behind}` : ''}`
}

const READ: Readonly<Record<Type, (bytes: Buffer) => string>> = {
  boolean: (bytes) => (bytes.equals(Buffer.of(1)) ? 'true' : 'false'),
  int4: (bytes) => String(bytes.readInt32BE()),
  int8: (bytes) => String(bytes.readBigInt64BE()),
  xid8: (bytes) => String(bytes.readBigUInt64BE()),
  numeric: readNumeric,
  text: (bytes) => bytes.toString(),
  jsonb: (bytes) => (bytes[0] === 1 ? bytes.toString('utf8', 1) : 'another version'),
  timestamptz: (bytes) => String(bytes.readBigInt64BE() + US_BEFORE_2000),
  uuid: (bytes) => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
}
const LENGTH_OF: Partial<Record<Type, number>> = {
  ...{ boolean: 1, int4: 4, int8: 8, xid8: 8, timestamptz: 8, uuid: 16 },
}

/** Reads fields one after the other. */
class Fields {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  next(type: Type): string | null {
    const length = this.#bytes.readInt32BE(this.at)
    this.at += 4
    if (length === -1) return null
    const expected = LENGTH_OF[type] ?? length
    if (length !== expected) throw new Error(`${type} has ${length} bytes`)
    const value = this.#bytes.subarray(this.at, this.at + length)
    this.at += length
    return READ[type](value)
  }
}

/** Rows that COPY would read, of such columns. */
export function readCopy(bytes: Buffer, types: readonly Type[]): (string | null)[][] {
  if (!bytes.subarray(0, COPY_HEADER.length).equals(COPY_HEADER)) throw new Error('no header')
  const rows: (string | null)[][] = []
  const fields = new Fields(bytes, COPY_HEADER.length)
  for (;;) {
    const count = bytes.readInt16BE(fields.at)
    fields.at += 2
    if (count === -1) break
    if (count !== types.length) throw new Error(`a row has ${count} fields`)
    rows.push(types.map((type) => fields.next(type)))
  }
  if (fields.at !== bytes.length) throw new Error('something stands behind the end')
  return rows
}

/** Elements of an array, which has the type that it says. */
export function readArray(bytes: Buffer, type: Type): (string | null)[] {
  const [dimensions, hasNulls] = [bytes.readInt32BE(0), bytes.readInt32BE(4)]
  if (TYPE_OF[bytes.readInt32BE(8)] !== type) throw new Error(`an array is not of ${type}`)
  if (dimensions === 0) return []
  const fields = new Fields(bytes, 20)
  const length = bytes.readInt32BE(12)
  const values = Array.from({ length }, () => fields.next(type))
  if (fields.at !== bytes.length) throw new Error('something stands behind the array')
  if (values.includes(null) !== (hasNulls === 1)) throw new Error('an array is wrong about NULLs')
  return values
}
