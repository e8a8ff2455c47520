import { z } from 'zod'
import type { Column } from '../datasets/dataset.ts'
import { isJsonText } from './json-text.ts'

/*
 * How each type travels: int4, boolean and text as JSON has them, everything that a JSON number or
 * a Date would damage as a string. No transforms: what was validated is what is stored.
 */

/**
 * Any 8-4-4-4-12 hexadecimal id; PostgreSQL does not look at version and variant, so neither do we.
 */
export const UUID_PATTERN = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/

/**
 * A decimal number as `numeric::text` prints it: no exponent, no leading zeros, no negative zero,
 * because PostgreSQL would store these as another text. NaN and infinities are refused.
 */
const NUMERIC_PATTERN = /^(?!-0(?:\.0*)?$)-?(?:0|[1-9]\d{0,131071})(?:\.\d{1,16383})?$/

/** An int8 in canonical form: no leading zeros, no `-0`; the range is checked apart. */
const INT8_PATTERN = /^(?:0|-?[1-9]\d{0,18})$/

/**
 * ISO 8601 with explicit offset and 0 to 6 fraction digits, as `to_json(timestamptz)` prints it for
 * the years 1 to 9999. Whether the month has that day is checked apart.
 */
export const TIMESTAMP_PATTERN =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-5]):[0-5]\d)$/

/**
 * A transaction id (`xid8`) as text, the range checked apart. Leading zeros are refused, because
 * PostgreSQL reads them as octal: `'010'::xid8` is 8.
 */
const XID_PATTERN = /^(?:0|[1-9]\d{0,19})$/

/**
 * A URI or an opaque path: 1 to 1,024 characters, none of those that a URI must escape (RFC 3986:
 * space, control characters, `"<>\^`{|}`), no `[` at its start, which is how JSON would begin, and
 * no `data:`, which is the payload itself.
 */
const REFERENCE_PATTERN = /^(?!\[|[dD][aA][tT][aA]:)[^\s\p{Cc}"<>\\^`{|}]{1,1024}$/u

const INT4_MIN = -2_147_483_648
const INT4_MAX = 2_147_483_647
const INT8_MIN = -(2n ** 63n)
const INT8_MAX = 2n ** 63n - 1n
const XID_MAX = 2n ** 64n - 1n

function isInt8(text: string): boolean {
  // 18 digits always fit, so BigInt is paid for by 19-digit numbers only.
  if (text.length < 19) return true
  const value = BigInt(text)
  return value >= INT8_MIN && value <= INT8_MAX
}

function isXid(text: string): boolean {
  return text.length < 20 || BigInt(text) <= XID_MAX
}

function isCalendarDay(text: string): boolean {
  const day = Number(text.slice(8, 10))
  if (day <= 28) return true
  const [year, month] = [Number(text.slice(0, 4)), Number(text.slice(5, 7))]
  // Day 0 is the last of the month before. Date.UTC reads the years 1 to 99 as 1901 to 1999, which
  // have the same leap years.
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

/** Characters of a text that is cheaper to parse, whatever it holds. */
const MAX_PARSED_CHARS = 32 * 1024

function isJson(text: string): boolean {
  if (text.length > MAX_PARSED_CHARS) return isJsonText(text)
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A timestamp on the wire, of a row or of the envelope. */
export const timestampSchema = z
  .string()
  .regex(TIMESTAMP_PATTERN, {
    error: 'must be an ISO 8601 timestamp with offset, to the microsecond',
    abort: true,
  })
  .refine(isCalendarDay, 'must be a day of the calendar')

/** An int8 on the wire. */
export const int8Schema = z
  .string()
  .regex(INT8_PATTERN, { error: 'must be a 64-bit integer in a string', abort: true })
  .refine(isInt8, 'must fit into 64 bits')

/** An id on the wire. */
export const uuidSchema = z.string().regex(UUID_PATTERN, 'must be a uuid')

/** A transaction id on the wire. */
export const xidSchema = z
  .string()
  .regex(XID_PATTERN, { error: 'must be a transaction id in a string', abort: true })
  .refine(isXid, 'must fit into 64 bits')

function isReference(text: string): boolean {
  return REFERENCE_PATTERN.test(text)
}

function schemaOfType(column: Column): z.ZodType {
  if (column.reference) {
    const rule = 'must be a URI or a path of at most 1024 characters, not the payload'
    return z.string().refine(isReference, { error: rule, params: { code: 'not_a_reference' } })
  }
  if (column.values !== undefined) return z.enum([...column.values])
  switch (column.type) {
    case 'text':
      return z.string()
    case 'uuid':
      return uuidSchema
    case 'int4':
      return z.int().min(INT4_MIN).max(INT4_MAX)
    case 'int8':
      return int8Schema
    case 'numeric':
      return z.string().regex(NUMERIC_PATTERN, 'must be a decimal number in a string')
    case 'boolean':
      return z.boolean()
    case 'timestamptz':
      return timestampSchema
    case 'jsonb':
      return z.string().refine(isJson, 'must be a string that holds JSON')
  }
}

function checkOfType(column: Column): (value: unknown) => boolean {
  if (column.reference) return (value) => typeof value === 'string' && isReference(value)
  if (column.values !== undefined) {
    const values: ReadonlySet<unknown> = new Set(column.values)
    return (value) => values.has(value)
  }
  switch (column.type) {
    case 'text':
      return (value) => typeof value === 'string'
    case 'uuid':
      return (value) => typeof value === 'string' && UUID_PATTERN.test(value)
    case 'int4':
      return (value) =>
        Number.isInteger(value) && (value as number) >= INT4_MIN && (value as number) <= INT4_MAX
    case 'int8':
      return (value) => typeof value === 'string' && INT8_PATTERN.test(value) && isInt8(value)
    case 'numeric':
      return (value) => typeof value === 'string' && NUMERIC_PATTERN.test(value)
    case 'boolean':
      return (value) => typeof value === 'boolean'
    case 'timestamptz':
      return isTimestamp
    case 'jsonb':
      return (value) => typeof value === 'string' && isJson(value)
  }
}

/** True for a timestamp that {@link timestampSchema} takes. */
export function isTimestamp(value: unknown): boolean {
  return typeof value === 'string' && TIMESTAMP_PATTERN.test(value) && isCalendarDay(value)
}

/** True for a transaction id that {@link xidSchema} takes. */
export function isTransactionId(value: unknown): boolean {
  return typeof value === 'string' && XID_PATTERN.test(value) && isXid(value)
}

/**
 * The same rule as {@link wireValueSchema} as a plain predicate, many times as fast: for the good
 * rows, which are nearly all. The schema says what is wrong with the others. A test holds the two
 * together.
 */
export function wireValueCheck(column: Column): (value: unknown) => boolean {
  const check = checkOfType(column)
  return column.nullable ? (value) => value === null || check(value) : check
}

/** The zod schema of one column's value on the wire. */
export function wireValueSchema(column: Column): z.ZodType {
  const schema = schemaOfType(column)
  return column.nullable ? schema.nullable() : schema
}
