import type { RowCode, WireRow } from '@hq-export/contract'

/** A row that the contract allows and that its key may write. */
export interface AcceptedRow {
  /** Position in the request's `rows`, from 0. */
  readonly index: number
  /** Primary key in canonical form, joined by `/`; rows are written in its order. */
  readonly key: string
  readonly row: WireRow
  readonly xid: string
  readonly capturedAt: string
  readonly deleted: boolean
  /** JSON text of the columns that this gateway does not know, exact; null where there are none. */
  readonly extra: string | null
}

/** A row that is kept in quarantine instead. */
export interface RefusedRow {
  readonly index: number
  /** Null where the row has no valid primary key. */
  readonly key: string | null
  readonly code: RowCode
  /** JSON pointer (RFC 6901) into the request's body. */
  readonly pointer: string
  /** The rule in words; never a value. */
  readonly detail: string
  /** What quarantine says instead of `detail`, where the caller must not know it. */
  readonly operatorDetail?: string
  /** The key may write the row's org. */
  readonly orgAllowed: boolean
  /** What quarantine keeps instead of the row's text, where that holds a credential. */
  readonly storedText?: string | undefined
}

/**
 * UTF-16 units of a name or a reason that are told; the names of the contract have less than 30.
 */
const MAX_TOLD_UNITS = 100
// Of a name without any use: control characters, U+0000 among them, and half a surrogate pair.
const UNTELLABLE_PATTERN = /\p{Cc}|\p{Cs}/gu

/**
 * Text that a caller chose, a column's name above all, as it can be told in an answer and stored by
 * PostgreSQL, whatever it is: U+FFFD stands for what cannot, and what is too long is cut.
 */
export function tellable(text: string): string {
  const isLong = text.length > MAX_TOLD_UNITS
  const told = isLong ? `${text.slice(0, MAX_TOLD_UNITS)}…` : text
  return told.replace(UNTELLABLE_PATTERN, '\ufffd')
}

/** JSON pointer to a row, or to a column of it as {@link tellable} has its name. */
export function pointerTo(index: number, column?: string | null): string {
  const row = `/rows/${index}/row`
  if (column == null) return row
  return `${row}/${tellable(column).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** Refuses a row that had been accepted until then. */
export function refuse(row: AcceptedRow, code: RowCode, detail: string): RefusedRow {
  const { index, key } = row
  return { index, key, code, pointer: pointerTo(index), detail, orgAllowed: true }
}
