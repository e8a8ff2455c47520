import { type Envelope, LIMITS, parseEnvelope } from '@hq-export/contract'
import { Refusal } from '../refusal/refusal.ts'
import { mayHoldSecret } from '../secrets/may-hold-secret.ts'
import { isSuspicious } from './find-unrepresentable.ts'
import { nestingOf } from './nesting.ts'
import { RowTexts } from './row-texts.ts'

/** A body that is a batch; whether its rows are valid is not known yet. */
export interface DecodedBatch {
  /** Size of the decoded body. */
  readonly bytes: number
  /** Of the deepest object or array in it. */
  readonly depth: number
  /** Some value may hold what PostgreSQL cannot store, or escapes that hide it. */
  readonly suspicious: boolean
  /** Some value may hold a credential. */
  readonly mayHoldSecrets: boolean
  readonly rowTexts: RowTexts
  readonly envelope: Envelope
}

function invalid(detail: string, cause?: unknown): Refusal {
  return new Refusal('invalid_envelope', detail, { cause })
}

function parseText(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch (cause) {
    throw invalid('the body is not UTF-8', cause)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The parser's message quotes the body, so it stays here.
    throw invalid('the body is not JSON', cause)
  }
}

function rowCount(body: unknown): number {
  const rows = typeof body === 'object' && body !== null && 'rows' in body ? body.rows : undefined
  return Array.isArray(rows) ? rows.length : 0
}

/**
 * Reads the decompressed body as a batch.
 * @param body must stay as it is while rows may still be asked for by their exact text.
 * @throws {Refusal} `invalid_envelope` (400), or `too_large` (413) for more than `maxRows` rows or
 * too many objects and arrays.
 */
export function decode(body: Buffer, maxRows: number): DecodedBatch {
  const { containers, depth } = nestingOf(body)
  if (containers > LIMITS.maxContainers) {
    const detail = `the body must not have more than ${LIMITS.maxContainers} objects and arrays`
    throw new Refusal('too_large', detail)
  }
  const text = parseText(body)
  const parsed = parseJson(text)
  if (rowCount(parsed) > maxRows) {
    throw new Refusal('too_large', `a batch must not have more than ${maxRows} rows`)
  }
  const result = parseEnvelope(parsed)
  if (!result.success) {
    const [issue] = result.error.issues
    throw invalid(`/${issue?.path.join('/') ?? ''} is not as the envelope has it`, result.error)
  }
  const suspicious = isSuspicious(text)
  return {
    bytes: body.length,
    depth,
    suspicious,
    mayHoldSecrets: suspicious || mayHoldSecret(text),
    rowTexts: new RowTexts(() => parseText(body)),
    envelope: result.data,
  }
}
