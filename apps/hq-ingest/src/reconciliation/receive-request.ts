import type { IncomingMessage, ServerResponse } from 'node:http'
import { LIMITS } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import type pg from 'pg'
import type { z } from 'zod'
import type { RateLimitHeaders } from '../admission/key-quotas.ts'
import { readVerified, type Verifying } from '../batch/read-verified.ts'
import { assertOwnSource } from '../batch/verify-batch.ts'
import { decompress } from '../decode/decompress.ts'
import { findUnrepresentable, isSuspicious } from '../decode/find-unrepresentable.ts'
import { nestingOf } from '../decode/nesting.ts'
import { readHead } from '../http/read-head.ts'
import type { IngestKey } from '../keys/ingest-key.ts'
import type { IngestMetrics } from '../metrics/ingest-metrics.ts'
import { Refusal } from '../refusal/refusal.ts'

/** What a request that compares needs. */
export interface Comparing extends Verifying {
  /** Sessions of these requests alone. */
  readonly comparePool: pg.Pool
  readonly metrics: IngestMetrics
}

/** What a path takes, and does with it. */
export interface Comparison<Body extends { readonly source: string }, Answer> {
  /** Sent at rest, too, so it is no trace of its own. */
  readonly isQuiet?: boolean
  readonly schema: z.ZodType<Body>
  /** Of a body whose source is the key's. */
  readonly answer: (comparing: Comparing, body: Body, key: IngestKey) => Promise<Answer>
}

/** An answer, and what its caller is told beside it. */
export interface Compared<Answer> {
  readonly answer: Answer
  readonly rateLimit: RateLimitHeaders
}

/** Deeper down the names of members are the caller's own. */
const MAX_PATH = 3

function invalid(detail: string, cause?: unknown): Refusal {
  return new Refusal('invalid_request', detail, { cause })
}

function parseJson(body: Buffer): unknown {
  const { containers } = nestingOf(body)
  if (containers > LIMITS.maxContainers) {
    const detail = `the body must not have more than ${LIMITS.maxContainers} objects and arrays`
    throw new Refusal('too_large', detail)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch (cause) {
    throw invalid('the body is not UTF-8', cause)
  }
  try {
    const parsed: unknown = JSON.parse(text)
    if (!isSuspicious(text) || findUnrepresentable(text) === undefined) return parsed
  } catch (cause) {
    // The parser's message quotes the body, so it stays here.
    throw invalid('the body is not JSON', cause)
  }
  throw invalid('the body holds a text that HQ cannot store')
}

/** @throws {Refusal} `invalid_request` (400), naming the place and never a value. */
function read<Body>(schema: z.ZodType<Body>, body: Buffer): Body {
  const result = schema.safeParse(parseJson(body))
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw invalid(
    `/${issue?.path.slice(0, MAX_PATH).join('/') ?? ''} is not as this path has it`,
    result.error,
  )
}

/**
 * A GET asks for what is of the key's source, and has no body.
 * @throws {Refusal} `invalid_request` (400).
 */
function bodyOf({ method }: IncomingMessage, sent: Buffer, { source }: IngestKey): Buffer {
  if (method !== 'GET') return sent
  if (sent.length > 0) throw invalid('a GET has no body')
  return Buffer.from(JSON.stringify({ source }))
}

/**
 * The way of a request that compares: that of a batch until it is decompressed, in a room and over
 * sessions of its own, so that none of them ever holds a batch up.
 * @throws {Refusal} of whichever step refuses the request.
 */
export async function receiveRequest<Body extends { readonly source: string }, Answer>(
  request: IncomingMessage,
  response: ServerResponse,
  comparing: Comparing,
  { schema, answer }: Comparison<Body, Answer>,
): Promise<Compared<Answer>> {
  const { admission, keys, metrics, now } = comparing
  const { budget, bulkhead } = admission.compares
  admission.admit()
  const head = readHead(request)
  budget.assertRoom()
  const { wire, key } = await readVerified(
    head,
    request,
    response,
    comparing,
    LIMITS.maxDigestBytes,
  )
  using share = budget.enter(wire.length)
  metrics.verified(key.id)
  const rateLimit = admission.quotas.charge(key, wire.length, now())
  return bulkhead.run(key.id, async () => {
    if (head.encoding !== 'identity') share.resize(wire.length + LIMITS.maxDigestBytes)
    const decoded = await inStep('decompress', () =>
      decompress(wire, head.encoding, LIMITS.maxDigestBytes),
    )
    const body = await inStep('decode', () => read(schema, bodyOf(request, decoded, key)))
    assertOwnSource(body.source, key)
    keys.noteUse(key)
    return { answer: await answer(comparing, body, key), rateLimit }
  })
}
