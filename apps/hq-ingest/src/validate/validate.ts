import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type EnvelopeRow,
  LIMITS,
  locateMembers,
  rowProblem,
  UUID_PATTERN,
} from '@hq-export/contract'
import { type AcceptedRow, pointerTo, type RefusedRow, tellable } from '../apply/batch-row.ts'
import type { DecodedBatch } from '../decode/decode.ts'
import { findUnrepresentable, isSuspicious } from '../decode/find-unrepresentable.ts'
import { nestingOf } from '../decode/nesting.ts'
import type { RowTexts } from '../decode/row-texts.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import { mayHoldSecret } from '../secrets/may-hold-secret.ts'
import { redactRow } from '../secrets/redact-row.ts'
import type { DatasetRules } from './dataset-rules.ts'

/** Every row of a batch, on one of two sides. */
export interface ValidatedRows {
  readonly accepted: readonly AcceptedRow[]
  readonly refused: readonly RefusedRow[]
}

type Fault = Pick<RefusedRow, 'code' | 'detail' | 'storedText'> & { readonly column: string | null }

/** Bytes that JSON may spend on one UTF-16 unit: an escape. */
const MAX_BYTES_PER_UNIT = 6
/** Bytes of quotes, colon, comma, and of a number as anyone would write it. */
const MAX_SCALAR_BYTES = 32

interface Validation {
  readonly rules: DatasetRules
  readonly key: Pick<IngestKey, 'orgs'>
  readonly rowTexts: RowTexts
  readonly suspicious: boolean
  readonly mayHoldSecrets: boolean
  /** Undefined where the whole body is smaller than the limit of one row. */
  readonly maxRowBytes: number | undefined
  /** The body is nested deeper than a row may be. */
  readonly deep: boolean
}

/** Canonical primary key; null if a part of it is no uuid, which every key of the contract is. */
function keyOf(rules: DatasetRules, row: EnvelopeRow['row']): string | null {
  let key = ''
  for (const column of rules.primaryKey) {
    const value = row[column]
    if (typeof value !== 'string' || !UUID_PATTERN.test(value)) return null
    key += key === '' ? value : `/${value}`
  }
  return key.toLowerCase()
}

/**
 * Most bytes that the text of a row can have; infinite where a value is nested, so that only a look
 * can tell.
 */
function boundOf(row: EnvelopeRow['row']): number {
  let bound = 0
  for (const name in row) {
    const value = row[name]
    if (typeof value === 'string') bound += value.length * MAX_BYTES_PER_UNIT
    else if (typeof value === 'object' && value !== null) return Number.POSITIVE_INFINITY
    bound += name.length * MAX_BYTES_PER_UNIT + MAX_SCALAR_BYTES
  }
  return bound
}

function findOversize(
  { maxRowBytes, rowTexts }: Validation,
  row: EnvelopeRow['row'],
  index: number,
): Fault | undefined {
  if (maxRowBytes === undefined || boundOf(row) <= maxRowBytes) return undefined
  if (Buffer.byteLength(rowTexts.at(index)) <= maxRowBytes) return undefined
  const detail = `a row must not have more than ${maxRowBytes} bytes`
  return { code: 'row_too_large', column: null, detail }
}

/**
 * Credentials anywhere in the row; the first thing looked for, because what is refused for another
 * reason is kept, too.
 */
function findSecret({ mayHoldSecrets, rowTexts }: Validation, index: number): Fault | undefined {
  if (!mayHoldSecrets) return undefined
  const rowText = rowTexts.at(index)
  if (!mayHoldSecret(rowText) && !isSuspicious(rowText)) return undefined
  const redacted = redactRow(rowTexts.text, rowTexts.spanAt(index))
  if (redacted === undefined) return undefined
  const { column, rules, text: storedText } = redacted
  const where = column === null ? 'the name of a column' : tellable(column)
  const detail = `${where} holds a credential: ${rules.join(', ')}`
  return { code: 'secret_detected', column, detail, storedText }
}

function findTooDeep({ deep, rowTexts }: Validation, index: number): Fault | undefined {
  if (!deep) return undefined
  if (nestingOf(Buffer.from(rowTexts.at(index))).depth <= LIMITS.maxRowDepth) return undefined
  const detail = `a row must not be nested deeper than ${LIMITS.maxRowDepth}`
  return { code: 'invalid_value', column: null, detail }
}

/**
 * U+0000 and lone surrogates anywhere in the row: values, JSON inside of strings, unknown columns
 * and their names.
 */
function findUnstorable(
  { rules, suspicious, rowTexts }: Validation,
  index: number,
): Fault | undefined {
  if (!suspicious) return undefined
  const { text } = rowTexts
  for (const [name, { start, end }] of locateMembers(text, rowTexts.spanAt(index).start)) {
    // The name first: a fault of the value is stored under it.
    const nameCode = findUnrepresentable(JSON.stringify(name))
    if (nameCode !== undefined) {
      return {
        code: nameCode,
        column: null,
        detail: 'a column name holds text that cannot be stored',
      }
    }
    const value = text.slice(start, end)
    const inside = rules.jsonColumns.has(name) ? JSON.parse(value) : null
    const code =
      findUnrepresentable(value) ??
      (typeof inside === 'string' ? findUnrepresentable(inside) : undefined)
    if (code !== undefined)
      return { code, column: name, detail: `${tellable(name)} holds text that cannot be stored` }
  }
  return undefined
}

function mayWrite(
  rules: DatasetRules,
  key: Pick<IngestKey, 'orgs'>,
  row: EnvelopeRow['row'],
): boolean {
  if (!rules.tenantScoped || key.orgs === undefined) return true
  return key.orgs.has(String(row.org_id).toLowerCase())
}

function findFault(
  validation: Validation,
  envelopeRow: EnvelopeRow,
  index: number,
): Fault | undefined {
  const { rules, key } = validation
  const { row } = envelopeRow
  const early =
    findSecret(validation, index) ??
    findOversize(validation, row, index) ??
    findTooDeep(validation, index) ??
    findUnstorable(validation, index)
  if (early !== undefined) return early
  if (!rules.isValid(row)) {
    const result = rules.schema.safeParse(row)
    if (!result.success) {
      const problem = rowProblem(result.error, row)
      return { ...problem, detail: tellable(problem.detail) }
    }
  }
  if (!mayWrite(rules, key, row)) {
    return { code: 'org_not_allowed', column: 'org_id', detail: 'the key may not write this org' }
  }
  // Whoever writes for every org has no other to be kept from.
  if (key.orgs !== undefined && rules.hasOwnKey?.(row) === false) {
    const column = rules.primaryKey.join()
    return {
      code: 'invalid_value',
      column,
      detail: `${column} must follow from the rest of the row`,
    }
  }
  if (envelopeRow.deleted === true && !rules.deletable) {
    return {
      code: 'invalid_value',
      column: null,
      detail: 'a row of this dataset cannot be deleted',
    }
  }
  return undefined
}

/**
 * The columns that the gateway does not know, cut out of the text, so that every number stays as it
 * was sent.
 */
function extraOf(
  { rules, rowTexts }: Validation,
  row: EnvelopeRow['row'],
  index: number,
): string | null {
  let known = true
  for (const name in row) {
    if (!rules.columns.has(name)) {
      known = false
      break
    }
  }
  if (known) return null
  const { text } = rowTexts
  const members: string[] = []
  for (const [name, { start, end }] of locateMembers(text, rowTexts.spanAt(index).start)) {
    if (!rules.columns.has(name)) members.push(`${JSON.stringify(name)}:${text.slice(start, end)}`)
  }
  return `{${members.join(',')}}`
}

/** Between two rows others get their turn after so long; the largest row alone may take longer. */
const TURN_MS = 20

/**
 * Validates every row against the contract, one by one: a row that breaks a rule stops no other
 * (I4). Gives way to the other requests of the process while it goes on: rows that are made for it
 * cost a hundred times what others do.
 * @param maxRowBytes of the text of one row.
 */
export async function validate(
  batch: DecodedBatch,
  rules: DatasetRules,
  key: Pick<IngestKey, 'orgs'>,
  maxRowBytes: number,
): Promise<ValidatedRows> {
  const { bytes, depth, envelope, mayHoldSecrets, rowTexts, suspicious } = batch
  const validation: Validation = {
    rules,
    key,
    rowTexts,
    suspicious,
    mayHoldSecrets,
    deep: depth > LIMITS.maxRowDepth,
    maxRowBytes: bytes > maxRowBytes ? maxRowBytes : undefined,
  }
  const accepted: AcceptedRow[] = []
  const refused: RefusedRow[] = []
  let turnBegan = performance.now()
  for (const [index, envelopeRow] of envelope.rows.entries()) {
    if (performance.now() - turnBegan > TURN_MS) {
      await nextTurn()
      turnBegan = performance.now()
    }
    const { row, xid, captured_at: capturedAt, deleted = false } = envelopeRow
    const rowKey = keyOf(rules, row)
    const fault = findFault(validation, envelopeRow, index)
    if (fault === undefined && rowKey !== null) {
      const extra = extraOf(validation, row, index)
      accepted.push({ index, key: rowKey, row, xid, capturedAt, deleted, extra })
    } else if (fault !== undefined) {
      const { code, column, detail, storedText } = fault
      const pointer = pointerTo(index, column)
      const orgAllowed = mayWrite(rules, key, row)
      refused.push({ index, key: rowKey, code, pointer, detail, orgAllowed, storedText })
    } else {
      throw new Error(`a valid row of ${rules.name} has no key`)
    }
  }
  return { accepted, refused }
}
