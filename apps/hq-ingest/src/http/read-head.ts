import type { IncomingMessage } from 'node:http'
import {
  BATCH_CONTENT_TYPE,
  CONTENT_ENCODINGS,
  type ContentEncoding,
  HANDLING_STRICT,
  HQ_CONTRACT_LOCK,
  HQ_INGEST_KEY,
  KEY_ID_PATTERN,
  LIMITS,
  PREFER,
  WEBHOOK_ID,
  WEBHOOK_ID_PATTERN,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from '@hq-export/contract'
import { Refusal } from '../refusal/refusal.ts'
import { headerValues } from './header-values.ts'

/** What the headers of a batch say. */
export interface BatchHead {
  /** `webhook-id`: idempotency key. */
  readonly id: string
  readonly timestamp: string | undefined
  readonly signature: string | undefined
  /** Ids of the keys that the caller says it signed with; empty where it does not say. */
  readonly keyIds: readonly string[]
  readonly encoding: ContentEncoding | 'identity'
  /** SHA-256 of the sender's contract lock; undefined where it says none, or no hash. */
  readonly lock: string | undefined
  /** All rows or none (RFC 7240, `handling=strict`). */
  readonly strict: boolean
}

/** A repeated header is no header: which of the values was signed would depend on who reads it. */
function onlyValue(request: IncomingMessage, name: string): string | undefined {
  const values = headerValues(request, name)
  return values.length === 1 ? values[0] : undefined
}

/**
 * Whoever repeats a header that is part of what is signed wants two readers to read two requests.
 * @throws {Refusal} `malformed_request` (400).
 */
function atMostOnce(request: IncomingMessage, name: string): string | undefined {
  const values = headerValues(request, name)
  if (values.length <= 1) return values[0]
  throw new Refusal('malformed_request', `${name} must not be sent more than once`)
}

function assertJson(request: IncomingMessage): void {
  const [essence] = (onlyValue(request, 'content-type') ?? '').split(';')
  if (essence?.trim().toLowerCase() === BATCH_CONTENT_TYPE) return
  throw new Refusal('unsupported_media_type', `content-type must be ${BATCH_CONTENT_TYPE}`, {
    headers: { 'accept-post': BATCH_CONTENT_TYPE },
  })
}

function readEncoding(request: IncomingMessage): ContentEncoding | 'identity' {
  const coding = headerValues(request, 'content-encoding').join(',').trim().toLowerCase()
  if (coding === '' || coding === 'identity') return 'identity'
  const known = CONTENT_ENCODINGS.find((candidate) => candidate === coding)
  if (known !== undefined) return known
  const accepted = CONTENT_ENCODINGS.join(', ')
  throw new Refusal(
    'unsupported_encoding',
    `content-encoding must be one of ${accepted}, or none`,
    {
      headers: { 'accept-encoding': accepted },
    },
  )
}

const PREFERENCE_PATTERN = /^\s*handling\s*=\s*(?:"([^"]*)"|([^\s;]*))/i

/**
 * `handling` of `Prefer`; where it is given twice the first counts, and what we do not know is
 * ignored (RFC 7240, 2).
 */
function readStrict(request: IncomingMessage): boolean {
  for (const preference of headerValues(request, PREFER).join(',').split(',')) {
    const match = PREFERENCE_PATTERN.exec(preference)
    if (match !== null) return `handling=${match[1] ?? match[2]}`.toLowerCase() === HANDLING_STRICT
  }
  return false
}

/**
 * The keys that the caller names. It is a help for us and nothing that is signed, so what is not in
 * its form counts as none.
 */
function readKeyIds(request: IncomingMessage): readonly string[] {
  const ids = (onlyValue(request, HQ_INGEST_KEY) ?? '').split(' ', LIMITS.maxSignatures + 1)
  return ids.length <= LIMITS.maxSignatures && ids.every((id) => KEY_ID_PATTERN.test(id)) ? ids : []
}

const LOCK_PATTERN = /^[0-9a-f]{64}$/

function readLock(request: IncomingMessage): string | undefined {
  const lock = onlyValue(request, HQ_CONTRACT_LOCK)
  return lock !== undefined && LOCK_PATTERN.test(lock) ? lock : undefined
}

/**
 * Reads the headers before the body.
 * @throws {Refusal} `unsupported_media_type`, `unsupported_encoding` (415), `invalid_webhook_id` or
 * `malformed_request` (400).
 */
export function readHead(request: IncomingMessage): BatchHead {
  assertJson(request)
  const encoding = readEncoding(request)
  const id = onlyValue(request, WEBHOOK_ID)
  if (id === undefined || !WEBHOOK_ID_PATTERN.test(id)) {
    throw new Refusal(
      'invalid_webhook_id',
      `${WEBHOOK_ID} must be sent once, with 1 to 128 of A-Z a-z 0-9 _ -`,
    )
  }
  return {
    id,
    timestamp: atMostOnce(request, WEBHOOK_TIMESTAMP),
    signature: atMostOnce(request, WEBHOOK_SIGNATURE),
    keyIds: readKeyIds(request),
    encoding,
    lock: readLock(request),
    strict: readStrict(request),
  }
}
